// answer_json.h - one JSON object of an engine's answer, taken apart by shape.
#pragma once

#include "openpcc/answer.h"

namespace openpcc::sdk {

struct AnswerPart {
  AnswerShape shape = AnswerShape::kAsItCame;  // kOpenAi or kOllama when it was understood
  std::string text;
  std::string finish_reason;
  std::optional<Usage> usage;
};

// Nothing when the text is no JSON object of a known shape: then it is to be shown as it came.
[[nodiscard]] std::optional<AnswerPart> read_answer_part(std::string_view json);

// What an object says besides text: also one that is shown as it came may say that the answer is over or has failed.
struct AnswerState {
  bool over = false;
  std::optional<std::string> error;  // empty: an error without words
};
[[nodiscard]] AnswerState read_answer_state(std::string_view json);

}  // namespace openpcc::sdk
