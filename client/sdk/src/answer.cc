#include "openpcc/answer.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "answer_json.h"

namespace openpcc {
namespace {

constexpr size_t kMaxLine = size_t{1} << 20;       // a longer line is no event of a stream
constexpr size_t kMaxDocument = size_t{16} << 20;  // a longer answer is shown as it came

std::string media_type_of(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  std::erase_if(type, [](unsigned char c) { return std::isspace(c) != 0; });
  std::ranges::transform(type, type.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return type;
}

enum class Framing { kEvents, kLines, kDocument, kNone, kFailed };

Framing framing_of(const std::string& type) {
  if (type == "text/event-stream") return Framing::kEvents;
  if (type == "application/x-ndjson" || type == "application/jsonl" || type == "application/x-jsonlines") {
    return Framing::kLines;
  }
  return type == "application/json" ? Framing::kDocument : Framing::kNone;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

}  // namespace

std::string_view answer_shape_name(AnswerShape shape) {
  switch (shape) {
    case AnswerShape::kUndecided:
      return "undecided";
    case AnswerShape::kOpenAi:
      return "openai";
    case AnswerShape::kOllama:
      return "ollama";
    case AnswerShape::kAsItCame:
      return "as_it_came";
  }
  return "undecided";
}

struct AnswerReader::State {
  Framing framing;
  AnswerShape shape = AnswerShape::kUndecided;
  std::string pending;  // part of a line, or all of a document
  size_t searched = 0;  // how much of that part has no end: it is not searched again for each byte
  std::string held;     // lines without content, while the shape is not known
  std::string text;
  std::string finish_reason;
  std::optional<Usage> usage;
  bool over = false;  // the stream has said that it ends
  AnswerFault fault = AnswerFault::kNone;
  std::string fault_message;

  std::string failed(AnswerFault what, std::string message = {}) {
    fault = what;
    fault_message = std::move(message);
    framing = Framing::kFailed;
    held.clear();
    pending.clear();
    return {};
  }

  std::string take(sdk::AnswerPart&& part) {
    shape = part.shape;
    held.clear();
    if (!part.finish_reason.empty()) finish_reason = std::move(part.finish_reason);
    if (part.usage) usage = part.usage;
    return std::move(part.text);
  }

  // From now on everything is handed on.
  std::string give_up() {
    shape = AnswerShape::kAsItCame;
    framing = Framing::kNone;
    std::string out = std::exchange(held, {});
    out += std::exchange(pending, {});
    return out;
  }

  // `raw` is one line with its end. Text to show.
  std::string line(std::string_view raw) {
    std::string_view payload = trimmed(raw);
    bool control = payload.empty();
    if (framing == Framing::kEvents) {
      if (payload.starts_with("data:")) {
        payload = trimmed(payload.substr(5));
        over = over || payload == "[DONE]";
        control = payload.empty() || payload == "[DONE]";
      } else if (payload.starts_with(':') || payload.starts_with("event:") || payload.starts_with("id:") ||
                 payload.starts_with("retry:")) {
        control = true;
      }
    }
    if (control) {
      if (shape == AnswerShape::kUndecided) held += raw;
      return {};
    }
    auto state = sdk::read_answer_state(payload);
    if (state.error) return failed(AnswerFault::kError, std::move(*state.error));
    over = over || state.over;
    if (auto part = sdk::read_answer_part(payload)) return take(std::move(*part));
    if (shape != AnswerShape::kUndecided) return std::string(raw);  // a call of a tool, say
    held += raw;
    shape = AnswerShape::kAsItCame;
    framing = Framing::kNone;
    return std::exchange(held, {});
  }

  std::string lines() {
    std::string out;
    size_t start = 0;
    while (framing == Framing::kEvents || framing == Framing::kLines) {
      const size_t end = pending.find('\n', std::max(start, searched));
      if (std::min(end, pending.size()) - start > kMaxLine) return out + failed(AnswerFault::kEndlessLine);
      if (end == std::string::npos) break;
      out += line(std::string_view(pending).substr(start, end + 1 - start));
      start = end + 1;
    }
    pending.erase(0, std::min(start, pending.size()));
    searched = pending.size();
    if (framing == Framing::kNone) out += give_up();
    return out;
  }

  std::string document() {
    if (auto state = sdk::read_answer_state(pending); state.error) {
      return failed(AnswerFault::kError, std::move(*state.error));
    }
    if (auto part = sdk::read_answer_part(pending)) {
      pending.clear();
      return take(std::move(*part));
    }
    return give_up();
  }

  std::string show(std::string out) {
    text += out;
    return out;
  }
};

AnswerReader::AnswerReader(std::string_view content_type) : state_(std::make_unique<State>()) {
  state_->framing = framing_of(media_type_of(content_type));
  if (state_->framing == Framing::kNone) state_->shape = AnswerShape::kAsItCame;
}
AnswerReader::AnswerReader(AnswerReader&&) noexcept = default;
AnswerReader& AnswerReader::operator=(AnswerReader&&) noexcept = default;
AnswerReader::~AnswerReader() = default;

std::string AnswerReader::feed(std::string_view bytes) {
  State& s = *state_;
  if (s.framing == Framing::kFailed) return {};
  if (s.framing == Framing::kNone) return s.show(std::string(bytes));
  s.pending += bytes;
  if (s.framing != Framing::kDocument) return s.show(s.lines());
  return s.pending.size() > kMaxDocument ? s.show(s.give_up()) : std::string();
}

std::string AnswerReader::finish() {
  State& s = *state_;
  if (s.framing == Framing::kNone || s.framing == Framing::kFailed) return {};
  if (s.framing == Framing::kDocument) return s.show(s.document());
  std::string out;
  if (!s.pending.empty()) out = s.line(std::exchange(s.pending, {}));
  if (s.framing == Framing::kFailed) return s.show(std::move(out));
  // No text of an unknown shape, which may end as it likes.
  if (s.shape != AnswerShape::kAsItCame && !s.over) s.fault = AnswerFault::kCut;
  // Nothing but blank lines and comments: not an answer of a known shape.
  if (s.shape == AnswerShape::kUndecided) out += s.give_up();
  return s.show(std::move(out));
}

AnswerShape AnswerReader::shape() const {
  return state_->shape;
}
const std::string& AnswerReader::text() const {
  return state_->text;
}
std::optional<Usage> AnswerReader::usage() const {
  return state_->usage;
}
const std::string& AnswerReader::finish_reason() const {
  return state_->finish_reason;
}
AnswerFault AnswerReader::fault() const {
  return state_->fault;
}
const std::string& AnswerReader::fault_message() const {
  return state_->fault_message;
}

}  // namespace openpcc
