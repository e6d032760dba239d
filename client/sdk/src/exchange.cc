#include "exchange.h"

#include "base/base64.h"
#include "base/limits.h"
#include "wire/router.h"

namespace openpcc::sdk {
namespace {

// Only between the callbacks and conclude(), which knows the real error.
constexpr ErrorCode kStopped{"client.stopped"};

}  // namespace

ClientResult<SealedRequest> seal_request(const Request& request, const std::string& badge,
                                         const std::vector<std::shared_ptr<const Node>>& nodes,
                                         const RandomSource& random) {
  bhttp::RequestHead head;
  head.method = request.method;
  head.scheme = "http";
  head.authority = "confsec.invalid";
  head.path = request.path;
  if (!request.content_type.empty()) head.fields.push_back({"content-type", request.content_type});
  for (const auto& header : request.headers) head.fields.push_back({header.name, header.value});
  if (!badge.empty()) head.fields.push_back({"x-confsec-badge", badge});
  auto message = sealed::seal_request(head, as_bytes(request.body), random);
  if (!message) {
    const bool ours = message.error().code != bhttp::kUnencodable;
    if (ours) return internal(message.error());
    return failure(Failure::kUsage, kBadRequest, "the request cannot be encoded: " + message.error().message);
  }
  SealedRequest out{std::move(*message), {}, {}, {}};

  wire::ComputeRequestInfo info;
  for (const auto& node : nodes) {
    auto candidate = out.message.encapsulate(node->claims.rek_point(), random);
    if (!candidate) return internal(candidate.error());
    info.candidates.push_back({node->id, candidate->encapsulated_key()});
    out.info.candidates.push_back(node->id.to_string());
    out.recipients.push_back({node->id, std::move(*candidate)});
  }
  const auto encoded = wire::encode(info);
  if (!encoded) return internal(encoded.error());
  out.routing_info = to_base64(*encoded);
  out.info.request_bytes = request.body.size();
  out.info.sealed_bytes = out.message.body().size();
  return out;
}

net::HttpCallbacks Exchange::callbacks() {
  return {.on_head = [this](const net::ResponseHead& head) { return on_head(head); },
          .on_body = [this](ByteView bytes) { return on_body(bytes); }};
}

Status Exchange::stop(Failure kind, const char* code, std::string message) {
  if (!failed_) failed_ = ClientError{kind, code, std::move(message), head_.status, {}};
  return fail(kStopped, code);
}

Status Exchange::stop(const Error& error) {
  if (failed_) return fail(kStopped, "stopped");
  if (error.code == sealed::kAltered) {
    return stop(Failure::kBroken, kAnswerAltered, "the answer was altered on its way: " + error.message);
  }
  if (error.code == sealed::kTruncated) {
    return stop(Failure::kBroken, kAnswerCut, "the answer was cut off: " + error.message);
  }
  if (error.code == sealed::kTooLarge) {
    return stop(Failure::kBroken, kAnswerTooLarge, "the answer is too large: " + error.message);
  }
  if (error.code == sealed::kUnknownMediaType) {
    return stop(Failure::kBroken, kUnknownMediaType, "the answer has a media type that no node sends");
  }
  return stop(
      Failure::kBroken, kAnswerMalformed,
      "the answer opened but is no valid message: " + error.message + " (" + std::string(error.code.name) + ")");
}

Status Exchange::on_head(const net::ResponseHead& head) {
  head_ = head;
  const auto id = UuidV7::parse(net::field_or_empty(head.fields, "x-node-id"));
  const SealedRequest::Recipient* recipient = nullptr;
  for (const auto& asked : request_.recipients) {
    if (id && asked.id == *id) recipient = &asked;
  }
  if (recipient != nullptr) node_ = *id;
  if (head.status != 200) return {};  // conclude() says what came
  if (recipient == nullptr) {
    return stop(Failure::kBroken, kUnknownNode, "the answer names no node that was asked");
  }
  auto reader =
      sealed::ResponseReader::create(recipient->candidate, net::field_or_empty(head.fields, "content-type"), *this);
  if (!reader) return stop(reader.error());
  reader_.emplace(std::move(*reader));
  return {};
}

Status Exchange::on_body(ByteView bytes) {
  if (!reader_) {
    const size_t room = limits::kErrorBody - refusal_.size();
    append(refusal_, bytes.first(std::min(bytes.size(), room)));
    return {};
  }
  const auto fed = reader_->feed(bytes);
  return fed ? Status() : stop(fed.error());
}

Status Exchange::on_response(bhttp::ResponseHead head) {
  inner_status_ = head.status;
  ResponseHead out{head.status, {}, node_->to_string()};
  for (auto& field : head.fields) out.headers.push_back({std::move(field.name), std::move(field.value)});
  if (!events_.on_head(out)) return stop(Failure::kCancelled, kCancelledByCaller, "cancelled");
  return {};
}

Status Exchange::on_content(ByteView data) {
  if (!events_.on_body(as_text(data))) return stop(Failure::kCancelled, kCancelledByCaller, "cancelled");
  return {};
}

ClientResult<Summary> Exchange::conclude(const Result<net::Fields>& sent) {
  if (!failed_ && !sent) {
    if (!reader_ || sent.error().code == net::kCancelled) return no_answer(sent.error());
    return failure(Failure::kBroken, kAnswerCut, "the answer was cut off: " + sent.error().message, head_.status);
  }
  if (!failed_ && head_.status != 200) return refused(head_, refusal_);
  if (!failed_) {
    // Only the end of a sealed message says that it was all of it.
    if (const auto finished = reader_->finish(); !finished) (void)stop(finished.error());
  }
  if (failed_) return std::unexpected(std::move(*failed_));
  Summary summary;
  summary.node_id = node_->to_string();
  summary.status = inner_status_;
  // A refund stands outside of the sealed answer: it counts only now that all of it has opened.
  if (const auto* refund = net::find_field(*sent, "x-refund"); refund != nullptr && !refund->empty()) {
    summary.refund = *refund;
  }
  return summary;
}

}  // namespace openpcc::sdk
