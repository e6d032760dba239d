#include "http.h"

#include "bhttp/encoder.h"

namespace openpcc::interop {

namespace {

bhttp::Fields fields_of(const Json& values_by_name) {
  bhttp::Fields fields;
  for (const auto& [name, values] : values_by_name.items()) {
    for (const Json& value : values) fields.push_back({name, value.get<std::string>()});
  }
  return fields;
}

Json json_of(const bhttp::Fields& fields) {
  Json values_by_name = Json::object();
  for (const auto& [name, value] : fields) values_by_name[name].push_back(value);
  return values_by_name;
}

std::vector<std::string> names_of(const Json& values_by_name) {
  std::vector<std::string> names;
  for (const auto& [name, values] : values_by_name.items()) names.push_back(name);
  return names;
}

template <typename Head>
Result<WipedBytes> encode_whole(const Head& head, const OutgoingMessage& message, size_t pad_to) {
  if constexpr (std::is_same_v<Head, bhttp::RequestHead>) {
    return bhttp::encode_request(head, message.body, pad_to);
  } else {
    return bhttp::encode_response(head, message.body, pad_to);
  }
}

template <typename Head>
Result<Json> encode(const Head& head, const OutgoingMessage& message, const Json& parameters) {
  const size_t pad_to = parameters.value("pad_to", size_t{0});
  if (!message.indeterminate) {
    OPENPCC_TRY(const WipedBytes encoded, encode_whole(head, message, pad_to));
    return Json{{"bytes", to_hex(encoded)}};
  }
  bhttp::MessageWriter writer({parameters.at("chunk_limit").get<size_t>(), pad_to});
  WipedBytes out;
  if constexpr (std::is_same_v<Head, bhttp::RequestHead>) {
    OPENPCC_TRY_STATUS(writer.request(head, out));
  } else {
    OPENPCC_TRY_STATUS(writer.response(head, out));
  }
  OPENPCC_TRY_STATUS(message.each_piece([&](ByteView data) { return writer.content(data, out); }));
  OPENPCC_TRY_STATUS(writer.finish(message.trailers, out));
  return Json{{"bytes", to_hex(out)}};
}

Result<Json> decode(bhttp::Kind kind, const Json& parameters) {
  Collector collector;
  bhttp::Decoder decoder(kind, collector);
  OPENPCC_TRY_STATUS(feed_in_pieces(bytes_of(parameters.at("bytes")), parameters.value("piece", size_t{0}),
                                    [&](ByteView bytes) { return decoder.feed(bytes); }));
  OPENPCC_TRY_STATUS(decoder.finish());
  return collector.take();
}

}  // namespace

OutgoingMessage outgoing(const Json& message) {
  OutgoingMessage out;
  const Json trailers = message.value("trailers", Json::object());
  out.request = {message.value("method", ""),
                 message.value("scheme", ""),
                 message.value("authority", ""),
                 message.value("path", ""),
                 fields_of(message.value("fields", Json::object())),
                 names_of(trailers)};
  out.response = {message.value("status", 0), out.request.fields, out.request.trailer_names};
  out.trailers = fields_of(trailers);
  out.body = bytes_of(message.value("body", Json("")));
  out.indeterminate = message.value("indeterminate", false);
  out.piece = message.value("piece", size_t{0});
  return out;
}

Status OutgoingMessage::each_piece(const std::function<Status(ByteView)>& write) const {
  return feed_in_pieces(body, piece, write);
}

Status feed_in_pieces(ByteView bytes, size_t piece, const std::function<Status(ByteView)>& feed) {
  if (piece == 0) return feed(bytes);
  for (; !bytes.empty(); bytes = bytes.subspan(std::min(piece, bytes.size()))) {
    OPENPCC_TRY_STATUS(feed(bytes.first(std::min(piece, bytes.size()))));
  }
  return {};
}

void Collector::take_head(const bhttp::Fields& fields, std::optional<uint64_t> content_length) {
  message_["fields"] = json_of(fields);
  message_["trailers"] = Json::object();
  message_["content_length"] = content_length ? Json(*content_length) : Json();
}

Status Collector::on_request(bhttp::RequestHead head) {
  name_ = "request";
  message_ = {{"method", head.method}, {"scheme", head.scheme}, {"authority", head.authority}, {"path", head.path}};
  take_head(head.fields, head.content_length);
  return {};
}

Status Collector::on_response(bhttp::ResponseHead head) {
  name_ = "response";
  message_ = {{"status", head.status}};
  take_head(head.fields, head.content_length);
  return {};
}

Status Collector::on_content(ByteView data) {
  append(body_, data);
  return {};
}

Status Collector::on_trailers(bhttp::Fields trailers) {
  message_["trailers"] = json_of(trailers);
  return {};
}

Json Collector::take() {
  message_["body"] = to_hex(body_);
  return Json{{name_, std::move(message_)}};
}

void add_http_operations(Operations& operations) {
  operations["encode_request"] = [](State&, const Json& p) {
    const OutgoingMessage message = outgoing(p.at("message"));
    return encode(message.request, message, p);
  };
  operations["encode_response"] = [](State&, const Json& p) {
    const OutgoingMessage message = outgoing(p.at("message"));
    return encode(message.response, message, p);
  };
  operations["decode_request"] = [](State&, const Json& p) { return decode(bhttp::Kind::kRequest, p); };
  operations["decode_response"] = [](State&, const Json& p) { return decode(bhttp::Kind::kResponse, p); };
}

}  // namespace openpcc::interop
