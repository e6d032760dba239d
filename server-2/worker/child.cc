#include "worker/child.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "broker/protocol.h"
#include "engine/exec_modes.h"
#include "process/message.h"
#include "sealed/request_message.h"
#include "worker/check_badge.h"
#include "worker/padded_lines.h"
#include "worker/refund.h"
#include "worker/sealed_answer.h"
#include "worker/validate_body.h"
#include "worker/validate_head.h"

namespace openpcc::worker {
namespace {

inline constexpr ErrorCode kBodyFull{"worker.body_full"};  // more content than any request may have; the rest is unread

// Head and content of the request, as they open.
class OpenedRequest : public bhttp::Handler {
 public:
  Status on_request(bhttp::RequestHead request_head) override {
    head = std::move(request_head);
    return {};
  }
  Status on_content(ByteView data) override {
    const size_t room = limits::kRequestBody + 1 - body.size();
    append(body, data.first(std::min(room, data.size())));
    if (body.size() > limits::kRequestBody) return fail(kBodyFull, "more content than a request may have");
    return {};
  }

  std::optional<bhttp::RequestHead> head;
  WipedBytes body;
};

class RequestServer {
 public:
  RequestServer(const ChildOptions& options, const ChildEnds& ends)
      : options_(options), router_(ends.router.get()), broker_(ends.broker.get()), report_pipe_(ends.report.get()) {}
  int run();

 private:
  Status receive_body(sealed::RequestReader& reader, Status& opened);
  Checked<ValidBody> validate();
  Status refuse(SealedAnswer& answer, const Refusal& refusal);
  Status answer(const sealed::RequestReader& reader);
  void report(const SealedAnswer& answer, process::Clock::time_point start, const std::optional<TokenCounts>& counts);
  Result<std::optional<TokenCounts>> run_engine(SealedAnswer& answer, const ValidBody& body);

  const ChildOptions& options_;
  int router_;
  int broker_;
  int report_pipe_;
  Report report_;
  int64_t credit_amount_ = 0;
  OpenedRequest request_;
  std::string read_error_;
};

uint32_t microseconds(process::Clock::duration time) {
  const auto count = std::chrono::duration_cast<std::chrono::microseconds>(time).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(count, 0, UINT32_MAX));
}
uint32_t microseconds_since(process::Clock::time_point start) {
  return microseconds(process::Clock::now() - start);
}

bool came_from_sender(ErrorCode code) {
  return code == broker::kBadPoint || code.name.starts_with("sealed.") || code.name.starts_with("bhttp.");
}

// The body's messages up to the empty one that ends it. After an error of opening the rest is only counted: the sender
// is still writing, and gets his answer when he has finished.
Status RequestServer::receive_body(sealed::RequestReader& reader, Status& opened) {
  const process::Deadline deadline = process::within(options_.receive_limit);
  size_t received = 0;
  while (received <= limits::kSealedRequest) {
    OPENPCC_TRY(const process::Message part, process::receive_message(router_, kMaxBodyPart, deadline));
    if (part.body.empty()) {
      if (opened) opened = reader.finish();
      return {};
    }
    received += part.body.size();
    if (opened) opened = reader.feed(part.body);
  }
  if (opened) opened = fail(sealed::kTooLarge, "more sealed bytes than a request may have");
  return {};
}

Checked<ValidBody> RequestServer::validate() {
  const bool badge_required = !options_.badge_key.empty();
  if (auto head = validate_head(*request_.head, badge_required); !head) return std::unexpected(std::move(head).error());
  std::vector<std::string> badge_models;
  if (badge_required) {
    auto models = check_badge(bhttp::find(request_.head->fields, kBadgeHeader).value_or(""), options_.badge_key);
    if (!models) return std::unexpected(std::move(models).error());
    badge_models = std::move(*models);
  }
  BodyChecks checks{.path = request_.head->path,
                    .content_length = std::nullopt,
                    .models = options_.models,
                    .badge_models = badge_required ? &badge_models : nullptr};
  // From the field of that name, whatever the framing says; the decoder takes no length above INT64_MAX.
  if (const auto length = request_.head->content_length) checks.content_length = static_cast<int64_t>(*length);
  return validate_body(checks, request_.body, read_error_);
}

Status RequestServer::refuse(SealedAnswer& answer, const Refusal& refusal) {
  const std::string body = refusal_body(refusal);
  OPENPCC_TRY_STATUS(answer.head(refusal.status, {{"content-type", "application/json"}}, std::nullopt));
  return answer.content(as_bytes(body));
}

Result<std::optional<TokenCounts>> RequestServer::run_engine(SealedAnswer& answer, const ValidBody& body) {
  const std::string_view exec = bhttp::find(request_.head->fields, kExecHeader).value_or("");
  engine::Engine& engine = engine::is_exec_mode(exec) ? *options_.noop : *options_.engine;
  const engine::Request request{
      .path = request_.head->path, .body = body.json, .exec = exec, .credit_amount = credit_amount_};
  PaddedLines padded(answer);
  const bool pad = options_.pad_lines && &engine == options_.engine;
  engine::ResponseSink& sink = pad ? static_cast<engine::ResponseSink&>(padded) : answer;
  OPENPCC_TRY(const std::optional<engine::Usage> usage, engine.handle(request, sink));
  if (!usage) return std::nullopt;
  return TokenCounts{usage->input_tokens, usage->output_tokens};
}

void RequestServer::report(const SealedAnswer& answer, process::Clock::time_point start,
                           const std::optional<TokenCounts>& counts) {
  if (const auto first = answer.first_content()) {
    report_.first_content_us = microseconds(*first - start);
    report_.answer_us = microseconds_since(*first);
  }
  if (counts) {
    const auto capped = [](int64_t count) { return static_cast<uint32_t>(std::clamp<int64_t>(count, 0, UINT32_MAX)); };
    report_.input_tokens = capped(counts->input);
    report_.output_tokens = capped(counts->output);
  }
  write_report(report_pipe_, report_);
}

Status RequestServer::answer(const sealed::RequestReader& reader) {
  const auto start = process::Clock::now();
  SealedAnswer answer(reader.opener(), router_, options_.min_flush_interval);
  const auto body = request_.head ? validate() : worker::refuse("ErrBodyTooLarge", "body exceeds max size");
  std::optional<TokenCounts> counts;
  if (body) {
    OPENPCC_TRY(counts, run_engine(answer, *body));
  } else {
    OPENPCC_TRY_STATUS(refuse(answer, body.error()));
  }
  OPENPCC_TRY_STATUS(answer.finish());
  report(answer, start, counts);
  const auto refund = refund_for(answer.status(), counts, credit_amount_);
  // The answer is whole, and stays so without it.
  if (!refund) spdlog::error("no refund ({}): {}", refund.error().code.name, refund.error().message);
  return answer.footer(refund.value_or(std::nullopt));
}

int RequestServer::run() {
  // Made before its request exists, it waits here; the parent's time limit begins when the request is given to it.
  const auto message = process::receive_message(router_, kMaxHeadMessage, process::kForever);
  // Not an error: router_com lost its client before the request began.
  if (!message) return kExitFailed;
  const auto head = parse_request_head(message->body);
  if (!head) {
    spdlog::error("{}", head.error().message);
    return kExitFailed;
  }
  credit_amount_ = head->credit_amount;
  const auto dh = [&](ByteView enc) {
    const auto asked = process::Clock::now();
    auto shared = options_.ask_broker(broker_, enc);
    report_.tpm_us = microseconds_since(asked);
    return shared;
  };
  auto reader = sealed::RequestReader::create(head->media_type, head->encapsulated_key, head->rek_point, dh, request_);
  if (!reader) {
    if (came_from_sender(reader.error().code)) return kExitNotDecrypted;
    spdlog::error("the TPM broker did not help ({}): {}", reader.error().code.name, reader.error().message);
    return kExitFailed;
  }
  Status opened;
  if (const auto received = receive_body(*reader, opened); !received) return kExitFailed;
  if (!opened) {
    const ErrorCode code = opened.error().code;
    if (!request_.head && code != sealed::kTooLarge) return kExitNotDecrypted;
    if (code == sealed::kTooLarge) {
      request_.head.reset();  // sealed bytes without end: whatever they hold, the body is too large
    } else if (code != kBodyFull) {
      read_error_ = opened.error().message;
    }
  }
  if (const auto answered = answer(*reader); !answered) {
    spdlog::error("a request failed ({}): {}", answered.error().code.name, answered.error().message);
    return kExitFailed;
  }
  return kExitAnswered;
}

}  // namespace

int serve_one_request(const ChildOptions& options, ChildEnds ends) {
  const ChildEnds kept = std::move(ends);
  try {
    return RequestServer(options, kept).run();
  } catch (const std::bad_alloc&) {
    spdlog::error("a request needed more memory than a child may have");
    return kExitNoMemory;
  } catch (const std::exception&) {
    // Its text could quote the request.
    spdlog::error("a request failed: an exception");
    return kExitFailed;
  }
}

}  // namespace openpcc::worker
