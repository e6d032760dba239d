#include "sealed/format.h"

namespace openpcc::sealed {

namespace {

Result<Mode> mode_of(std::string_view media_type, std::string_view whole, std::string_view chunked) {
  if (media_type == whole) return Mode::kWhole;
  if (media_type == chunked) return Mode::kChunked;
  // The text comes from a peer and may be anything: it is not repeated.
  return fail(kUnknownMediaType, "the media type is neither " + std::string(whole) + " nor " + std::string(chunked));
}

}  // namespace

Result<Mode> request_mode(std::string_view media_type) {
  return mode_of(media_type, kRequestMediaType, kChunkedRequestMediaType);
}

Result<Mode> response_mode(std::string_view media_type) {
  return mode_of(media_type, kResponseMediaType, kChunkedResponseMediaType);
}

}  // namespace openpcc::sealed
