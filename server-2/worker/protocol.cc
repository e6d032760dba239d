#include "worker/protocol.h"

#include "base/byte_io.h"

namespace openpcc::worker {
namespace {

constexpr uint8_t kHeadVersion = 1;
constexpr size_t kMaxMediaType = 64;
constexpr size_t kMaxEncapsulatedKey = 384;  // what 512 characters of base64 hold
constexpr size_t kMaxPoint = 65;

void append_text(Bytes& out, ByteView bytes) {
  append_u16(out, static_cast<uint16_t>(bytes.size()));
  append(out, bytes);
}

Result<ByteView> read_text(ByteReader& reader, size_t cap) {
  OPENPCC_TRY(const uint16_t size, reader.u16());
  if (size > cap) return fail(kBadControl, "a field over its limit");
  return reader.take(size);
}

bool has_tag(ControlType type) {
  return type != ControlType::kStop && type != ControlType::kEnded;
}

bool has_child(ControlType type) {
  return type == ControlType::kStop || type == ControlType::kStarted || type == ControlType::kEnded;
}

Result<ControlType> read_type(ByteReader& reader) {
  OPENPCC_TRY(const uint8_t value, reader.u8());
  switch (const auto type = static_cast<ControlType>(value)) {
    case ControlType::kPing:
    case ControlType::kStart:
    case ControlType::kStop:
    case ControlType::kMetrics:
    case ControlType::kCancel:
    case ControlType::kPong:
    case ControlType::kStarted:
    case ControlType::kBusy:
    case ControlType::kFailed:
    case ControlType::kEnded:
    case ControlType::kMetricsText:
      return type;
  }
  return fail(kBadControl, "an unknown message type");
}

void append_list(Bytes& out, const std::vector<std::string>& names) {
  append_u16(out, static_cast<uint16_t>(names.size()));
  for (const std::string& name : names) append_text(out, as_bytes(name));
}

Status read_list(ByteReader& reader, size_t cap, std::vector<std::string>& names) {
  OPENPCC_TRY(const uint16_t count, reader.u16());
  if (count > cap) return fail(kBadControl, "too many names");
  for (uint16_t i = 0; i < count; ++i) {
    OPENPCC_TRY(const ByteView name, read_text(reader, kMaxNameSize));
    names.emplace_back(as_text(name));
  }
  return {};
}

Result<bool> read_flag(ByteReader& reader) {
  OPENPCC_TRY(const uint8_t value, reader.u8());
  if (value > 1) return fail(kBadControl, "a flag that is neither 0 nor 1");
  return value == 1;
}

Status read_pong(ByteReader& reader, ControlMessage& message) {
  OPENPCC_TRY(const ByteView engine, read_text(reader, kMaxNameSize));
  message.engine = as_text(engine);
  OPENPCC_TRY_STATUS(read_list(reader, kMaxModels, message.models));
  OPENPCC_TRY_STATUS(read_list(reader, kMaxLayers, message.without));
  OPENPCC_TRY(message.ready, read_flag(reader));
  OPENPCC_TRY(message.room, read_flag(reader));
  return {};
}

Status read_metrics(ByteReader& reader, ControlMessage& message) {
  OPENPCC_TRY(const uint32_t size, reader.u32());
  if (size > kMaxText) return fail(kBadControl, "a text over its limit");
  OPENPCC_TRY(const ByteView text, reader.take(size));
  message.text = as_text(text);
  return {};
}

Status read_ended(ByteReader& reader, ControlMessage& message) {
  OPENPCC_TRY(const uint8_t ending, reader.u8());
  OPENPCC_TRY(const uint8_t code, reader.u8());
  if (ending > static_cast<uint8_t>(Ending::kStopped)) return fail(kBadControl, "an unknown way to end");
  message.ending = static_cast<Ending>(ending);
  message.code = code;
  return {};
}

Result<ControlMessage> read_control(ByteReader& reader) {
  ControlMessage message;
  OPENPCC_TRY(message.type, read_type(reader));
  if (has_tag(message.type)) {
    OPENPCC_TRY(message.tag, reader.u32());
  }
  if (has_child(message.type)) {
    OPENPCC_TRY(message.child, reader.u64());
  }
  if (message.type == ControlType::kPong) OPENPCC_TRY_STATUS(read_pong(reader, message));
  if (message.type == ControlType::kEnded) OPENPCC_TRY_STATUS(read_ended(reader, message));
  if (message.type == ControlType::kMetricsText) OPENPCC_TRY_STATUS(read_metrics(reader, message));
  OPENPCC_TRY_STATUS(reader.expect_end("control message"));
  return message;
}

Result<RequestHead> read_head(ByteReader& reader) {
  OPENPCC_TRY(const uint8_t version, reader.u8());
  if (version != kHeadVersion) return fail(kBadHead, "an unknown version");
  RequestHead head;
  OPENPCC_TRY(const ByteView media_type, read_text(reader, kMaxMediaType));
  head.media_type = as_text(media_type);
  OPENPCC_TRY(const ByteView key, read_text(reader, kMaxEncapsulatedKey));
  head.encapsulated_key = to_bytes(key);
  OPENPCC_TRY(const ByteView point, read_text(reader, kMaxPoint));
  head.rek_point = to_bytes(point);
  OPENPCC_TRY(const uint64_t amount, reader.u64());
  if (amount == 0 || amount > static_cast<uint64_t>(INT64_MAX)) return fail(kBadHead, "no credit amount above 0");
  head.credit_amount = static_cast<int64_t>(amount);
  OPENPCC_TRY_STATUS(reader.expect_end("request head"));
  return head;
}

}  // namespace

Bytes encode(const ControlMessage& message) {
  Bytes out = {static_cast<uint8_t>(message.type)};
  if (has_tag(message.type)) append_u32(out, message.tag);
  if (has_child(message.type)) append_u64(out, message.child);
  if (message.type == ControlType::kPong) {
    append_text(out, as_bytes(message.engine));
    append_list(out, message.models);
    append_list(out, message.without);
    out.push_back(message.ready ? 1 : 0);
    out.push_back(message.room ? 1 : 0);
  }
  if (message.type == ControlType::kMetricsText) {
    append_u32(out, static_cast<uint32_t>(message.text.size()));
    append(out, as_bytes(message.text));
  }
  if (message.type == ControlType::kEnded) {
    out.push_back(static_cast<uint8_t>(message.ending));
    out.push_back(static_cast<uint8_t>(message.code));
  }
  return out;
}

Result<ControlMessage> parse_control(ByteView bytes) {
  ByteReader reader(bytes);
  auto message = read_control(reader);
  if (!message) return fail(kBadControl, "control message: " + message.error().message);
  return message;
}

Bytes encode(const RequestHead& head) {
  Bytes out = {kHeadVersion};
  append_text(out, as_bytes(head.media_type));
  append_text(out, head.encapsulated_key);
  append_text(out, head.rek_point);
  append_u64(out, static_cast<uint64_t>(head.credit_amount));
  return out;
}

Result<RequestHead> parse_request_head(ByteView bytes) {
  ByteReader reader(bytes);
  auto head = read_head(reader);
  if (!head) return fail(kBadHead, "request head: " + head.error().message);
  return head;
}

}  // namespace openpcc::worker
