// tool_format.h - how one model's chat template shows tools and writes calls: llama.cpp's `common` knows, and reads
// what the model then writes. Internal to the embedded engine.
//
// Its exceptions and its prompt end here: the prompt is only compared with the one that ChatPrompt renders itself, in
// which text stays text.
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat.h"
#include "engine/generation.h"

struct llama_model;

namespace openpcc::engine {

// For one request.
struct ToolPlan {
  common_chat_params params;         // grammar, triggers, and the prompt with tools_as_enforced()
  common_chat_parser_params parser;  // of the answer
  std::string own_words = {};        // with which the template begins each answer, and the parser its content
};

class ToolFormat {
 public:
  // Nothing where the template cannot be read, or the model has none. `chat_template` empty: that of the file.
  [[nodiscard]] static std::unique_ptr<ToolFormat> create(const llama_model* model, const std::string& chat_template);

  // Refuses what the template has no place for.
  [[nodiscard]] Accepted<ToolPlan> plan(const Generation& generation, std::time_t now) const;

 private:
  ToolFormat() = default;
  [[nodiscard]] bool enforces_schemas(ToolChoice choice) const;
  [[nodiscard]] std::optional<Refusal> refuse_strict(const Generation& generation) const;
  common_chat_templates_ptr templates_;
  bool takes_tools_ = false;
  bool takes_calls_ = false;
  bool several_calls_ = false;
  // Whether the grammar keeps arguments to all of their schema: where the model may call, and where it must.
  bool strict_when_auto_ = false;
  bool strict_when_required_ = false;
};

// Whether a request has to do with tools at all.
[[nodiscard]] bool has_tools(const Generation& generation);

// With the schemas that `common` may see: others it cannot make into a grammar, and says so with their text on standard
// error. The model is told what the request says.
[[nodiscard]] std::vector<Tool> tools_as_enforced(const std::vector<Tool>& tools);

// Of an answer, as far as it has come. A whole one that cannot be read is content, all of it: calls are only those
// whose arguments are complete, and text is never lost.
[[nodiscard]] AnswerParts read_answer(const ToolPlan& plan, std::string_view text, bool whole);

}  // namespace openpcc::engine
