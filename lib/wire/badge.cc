#include "wire/badge.h"

#include <algorithm>

#include "wire/internal.h"
#include "wire/proto/auth.pb.h"

namespace openpcc::wire {

using namespace internal;

namespace {

constexpr size_t kLengthSize = 4;  // little-endian, unlike everything else on this wire

bool is_model(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

Result<std::string> pack(const Credentials& credentials) {
  if (credentials.models.size() > kMaxBadgeModels) return fail(kUnencodable, "badge: more than 512 models");
  std::vector<std::string_view> models(credentials.models.begin(), credentials.models.end());
  std::sort(models.begin(), models.end());
  std::string packed;
  for (const std::string_view model : models) {
    if (!is_model(model) || model.size() > kMaxBadgeSize) {
      return fail(kUnencodable, "badge: a model's name is empty, too long or not printable ASCII");
    }
    for (unsigned i = 0; i < kLengthSize; ++i) packed += static_cast<char>((model.size() >> (8 * i)) & 0xff);
    packed += model;
  }
  return packed;
}

Result<std::vector<std::string>> unpack(std::string_view packed, Duplicates duplicates) {
  std::vector<std::string> models;
  while (!packed.empty()) {
    if (packed.size() < kLengthSize) return invalid("badge", "the models end inside a length");
    size_t size = 0;
    for (unsigned i = 0; i < kLengthSize; ++i) size |= size_t{static_cast<unsigned char>(packed[i])} << (8 * i);
    packed.remove_prefix(kLengthSize);
    if (size > packed.size()) return invalid("badge", "the models end inside a name");
    const std::string_view model = packed.substr(0, size);
    packed.remove_prefix(size);
    if (!is_model(model)) return invalid("badge", "a model's name is empty or not printable ASCII");
    if (!models.empty() && model < models.back()) return invalid("badge", "the models are not in order");
    if (!models.empty() && model == models.back() && duplicates == Duplicates::kRefuse) {
      return invalid("badge", "a model comes twice");
    }
    if (models.size() == kMaxBadgeModels) return fail(kTooLarge, "badge: more than 512 models");
    models.emplace_back(model);
  }
  return models;
}

}  // namespace

Result<Bytes> encode(const Credentials& credentials) {
  OPENPCC_TRY(std::string packed, pack(credentials));
  csprotos::Credentials message;
  if (!packed.empty()) message.set_models(std::move(packed));
  return serialize(message);
}

Result<Bytes> encode(const Badge& badge) {
  OPENPCC_TRY(std::string packed, pack(badge.credentials));
  csprotos::Badge message;
  auto& credentials = *message.mutable_credentials();
  if (!packed.empty()) credentials.set_models(std::move(packed));
  if (!badge.signature.empty()) message.set_signature(to_string(badge.signature));
  Bytes out = serialize(message);
  if (out.size() > kMaxBadgeSize) return fail(kUnencodable, "badge: more than 16384 bytes");
  return out;
}

Result<Badge> decode_badge(ByteView bytes, Duplicates duplicates) {
  OPENPCC_TRY(const auto message, parse<csprotos::Badge>(bytes, kMaxBadgeSize, "badge"));
  OPENPCC_TRY(auto models, unpack(message.credentials().models(), duplicates));
  return Badge{{std::move(models)}, from_string(message.signature())};
}

}  // namespace openpcc::wire
