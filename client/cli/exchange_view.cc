#include "exchange_view.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace openpcc::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxRefusal = 16384;

double milliseconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) / 1e6;
}

std::string number(double value, const char* format) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

const std::string* text_member(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key)) return nullptr;
  return object[key].get_ptr<const Json::string_t*>();
}

// A node's validation error {"code","error","message"}, an engine's {"error":{"message"}} or {"error":"…"}, or the
// text.
std::string refusal_message(const std::string& body) {
  const Json json = Json::parse(body, nullptr, false);
  if (const auto* message = text_member(json, "message")) {
    const auto* code = text_member(json, "code");
    return *message + (code == nullptr ? "" : " (" + *code + ")");
  }
  if (const auto* error = text_member(json, "error")) return *error;
  if (json.is_object() && json.contains("error")) {
    if (const auto* message = text_member(json["error"], "message")) return *message;
  }
  return body;
}

const NodeReport* find_node(const std::vector<NodeReport>& nodes, const std::string& id) {
  const auto it = std::ranges::find_if(nodes, [&](const NodeReport& n) { return n.verified && n.id == id; });
  return it == nodes.end() ? nullptr : &*it;
}

// Of an answer that opened whole, and whose engine did not get to its end.
std::optional<ClientError> error_of(const AnswerReader& answer) {
  const auto error = [](Failure kind, const char* code, std::string message) {
    return ClientError{kind, code, std::move(message), 200, {}};
  };
  switch (answer.fault()) {
    case AnswerFault::kNone:
      break;
    case AnswerFault::kError:
      return error(Failure::kRequest, "node.failed",
                   "the node's engine failed" +
                       (answer.fault_message().empty() ? std::string() : ": " + answer.fault_message()));
    case AnswerFault::kCut:
      return error(Failure::kBroken, "client.answer_cut",
                   "the answer was cut off: the node's engine stopped in the middle of it");
    case AnswerFault::kEndlessLine:
      return error(Failure::kBroken, "client.answer_malformed", "the answer has an event of more than one mebibyte");
  }
  return std::nullopt;
}

std::string join(const std::vector<std::string>& list) {
  std::string text;
  for (const auto& item : list) text += (text.empty() ? "" : ", ") + item;
  return text;
}

}  // namespace

ExchangeView::ExchangeView(ViewOptions options) : options_(options) {}
ExchangeView::~ExchangeView() = default;

void ExchangeView::on_nodes(const std::vector<NodeReport>& nodes, std::chrono::nanoseconds verification) {
  nodes_ = nodes;
  verification_ += verification;
  if (!options_.show_path) return;
  for (const auto& node : nodes) {
    err().line("node found      " + node.id + "  (" + printable(join(node.tags)) + ")" +
               (node.verified ? "" : "  refused"));
    show_steps(err(), node);
  }
}

void ExchangeView::on_sealed(const SealedInfo& info) {
  sealed_ = info;
  if (!options_.show_path) return;
  const size_t nodes = info.candidates.size();
  err().line("prompt sealed   " + std::to_string(info.request_bytes) + " bytes, as " +
             std::to_string(info.sealed_bytes) + " bytes of ciphertext, to the key of " + std::to_string(nodes) +
             (nodes == 1 ? " node" : " nodes"));
  err().line("can read it     you, and the node that answers, in a process of its own for this request");
  const bool development =
      std::ranges::any_of(nodes_, [](const NodeReport& node) { return node.verified && node.insecure_development; });
  if (development) {
    err().line("  " + err().coloured(Colour::kYellow, "!") +
               " development: whoever operates the node could read it too");
  }
  err().line("cannot read it  the router and everybody on the way: they see sizes, times and the node's id\n");
}

bool ExchangeView::on_head(const ResponseHead& head) {
  head_ = head;
  std::string content_type;
  for (const auto& header : head.headers) {
    if (header.name == "content-type") content_type = header.value;
  }
  if (head.status < 300) answer_.emplace(content_type);
  return true;
}

bool ExchangeView::on_body(std::string_view bytes) {
  if (!answer_) {
    refusal_ += bytes.substr(0, kMaxRefusal - std::min(kMaxRefusal, refusal_.size()));
    return true;
  }
  const std::string text = answer_->feed(bytes);
  if (text.empty()) return true;
  last_ = Clock::now();
  if (!first_) first_ = last_;
  if (options_.stream && !options_.silent) show(text);
  return true;
}

void ExchangeView::show(const std::string& text) {
  if (text.empty()) return;
  // Nobody reads any more (`pcc ask … | head -1`): the rest is still opened, so that the exit code tells the truth.
  out().write(out().is_terminal() ? filter_.filter(text) : text);
  shown_ = true;
  ends_line_ = text.ends_with('\n');
}

int ExchangeView::show_refusal() {
  std::string message = "the node refused (status " + std::to_string(head_.status) + "): " + refusal_message(refusal_);
  if (options_.silent) {
    out().line(dump(to_json(ClientError{Failure::kRequest, "node.refused", message, head_.status, {}})));
  }
  err().line("pcc: " + printable(message));
  return kFailed;
}

int ExchangeView::show_failed(const ClientError& error, const DevAttestation& dev) {
  if (shown_ && !ends_line_) out().write("\n");
  if (options_.silent) out().line(dump(to_json(error)));
  if (shown_ || error.kind == Failure::kBroken) {
    err().line(shown_ ? "pcc: the text above is incomplete and must not be relied on" : "pcc: there is no answer");
  }
  return show_error(error, dev);
}

int ExchangeView::conclude(const ClientResult<Summary>& result, const DevAttestation& dev) {
  if (!result) return show_failed(result.error(), dev);
  if (!answer_) return show_refusal();
  const std::string rest = answer_->finish();
  if (const auto error = error_of(*answer_)) {
    if (options_.stream && !options_.silent) show(rest);
    return show_failed(*error, dev);
  }
  if (!rest.empty() && !first_) first_ = last_ = Clock::now();
  if (options_.silent) {
    out().line(dump(json(*result)));
  } else {
    show(options_.stream ? rest : answer_->text());
    // A text of a known shape has no line end of its own; what is shown as it came stays as it is, but on a terminal.
    const bool as_it_came = answer_->shape() == AnswerShape::kAsItCame;
    if (!ends_line_ && (!as_it_came || out().is_terminal())) out().write("\n");
  }
  if (options_.show_path) show_times();
  return kAnswered;
}

std::optional<double> ExchangeView::tokens_per_second() const {
  const auto usage = answer_ ? answer_->usage() : std::nullopt;
  if (!usage || usage->completion_tokens < 2 || !first_ || *last_ <= *first_) return std::nullopt;
  // The first token's time is that of reading the prompt.
  return static_cast<double>(usage->completion_tokens - 1) * 1000 / milliseconds(*last_ - *first_);
}

void ExchangeView::show_times() const {
  std::string line = "\nverification    " + number(milliseconds(verification_), "%.2f ms");
  if (first_) line += "\nfirst token     " + number(milliseconds(*first_ - started_), "%.0f ms after the start");
  if (const auto usage = answer_->usage()) {
    line += "\ntokens          " + std::to_string(usage->prompt_tokens) + " read, " +
            std::to_string(usage->completion_tokens) + " written";
  }
  if (const auto rate = tokens_per_second()) line += ", " + number(*rate, "%.1f a second");
  err().line(line);
}

std::string ExchangeView::text() const {
  return answer_ ? answer_->text() : std::string();
}

Json ExchangeView::json(const Summary& summary) const {
  Json json = {{"answer", answer_->text()}, {"shape", answer_shape_name(answer_->shape())}};
  json["finish_reason"] = answer_->finish_reason().empty() ? Json() : Json(answer_->finish_reason());
  const auto usage = answer_->usage();
  json["usage"] =
      usage ? Json{{"prompt_tokens", usage->prompt_tokens}, {"completion_tokens", usage->completion_tokens}} : Json();
  const NodeReport* node = find_node(nodes_, summary.node_id);
  json["node"] = node == nullptr ? Json{{"id", summary.node_id}} : to_json(*node);
  json["sealed"] = {{"request_bytes", sealed_.request_bytes},
                    {"sealed_bytes", sealed_.sealed_bytes},
                    {"candidates", sealed_.candidates}};
  const auto rate = tokens_per_second();
  json["times"] = {{"verification_ms", milliseconds(verification_)},
                   {"first_token_ms", first_ ? Json(milliseconds(*first_ - started_)) : Json()},
                   {"total_ms", milliseconds(Clock::now() - started_)},
                   {"tokens_per_second", rate ? Json(*rate) : Json()}};
  if (summary.refund) json["refund"] = *summary.refund;
  return json;
}

}  // namespace openpcc::cli
