// What every shipped chat template's parser makes of an answer, through the API layer: text is never lost, and a call
// that was cut off is no call. Needs a vocabulary and no weights.
#include "engine/tool_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "engine/api.h"
#include "engine/testing/scripted.h"
#include "engine/testing/vocabulary.h"

namespace openpcc::engine {
namespace {

using nlohmann::json;

constexpr const char* kTools =
    R"("tools":[{"type":"function","function":{"name":"get_weather","description":"d","parameters":{"type":"object",
    "properties":{"city":{"type":"string"}},"required":["city"]}}}])";

// The model's part is played by a text, two bytes a token.
class TextSource : public ScriptedSource {
 public:
  TextSource(const ToolFormat& format, std::string_view text) : ScriptedSource({}), format_(format) {
    for (size_t at = 0; at < text.size(); at += 2) {
      tokens.emplace_back(text.substr(at, 2));
    }
  }
  Accepted<uint64_t> begin(const Generation& request) override {
    auto plan = format_.plan(request, 0);
    if (!plan) {
      return std::unexpected(plan.error());
    }
    plan_ = std::move(*plan);
    return ScriptedSource::begin(request);
  }
  AnswerParts parts_of(std::string_view text, bool whole) const override { return read_answer(plan_, text, whole); }

 private:
  const ToolFormat& format_;
  ToolPlan plan_;
};

struct Read {
  int status = 0;
  std::string content;
  json calls = json::array();
  std::string finish;
  bool broken = false;
};

Read read(const ToolFormat& format, std::string_view text, bool stream, const json& more = json::object()) {
  json body = json::parse(R"({"model":"m","messages":[{"role":"user","content":"hi"}],)" + std::string(kTools) + "}");
  body["stream"] = stream;
  body.update(more);
  TextSource source(format, text);
  CollectingSink sink;
  const std::string asked = body.dump();
  const auto usage = answer(
      {kChatCompletionsPath, as_bytes(asked)}, [&](std::string_view) { return &source; }, 0, system_environment(),
      sink);
  Read out;
  out.status = sink.status;
  out.broken = !usage;
  if (out.broken || out.status != 200) {
    return out;
  }
  for (const json& part : stream ? sink.stream() : std::vector<json>{sink.json()}) {
    const json& choice = part["choices"][0];
    const json& said = choice[stream ? "delta" : "message"];
    if (said.contains("content") && said["content"].is_string()) {
      out.content += said["content"].get<std::string>();
    }
    if (said.contains("tool_calls")) {
      out.calls = said["tool_calls"];
    }
    if (choice["finish_reason"].is_string()) {
      out.finish = choice["finish_reason"];
    }
  }
  return out;
}

std::unique_ptr<ToolFormat> format_of(const std::filesystem::path& file) {
  return ToolFormat::create(vocabulary(), read_file(file));
}

std::filesystem::path template_file(const std::string& name) {
  return OPENPCC_LLAMA_PREFIX "/share/models/templates/" + name + ".jinja";
}

TEST(ToolFormat, NoTemplateLosesText) {
  const char* const texts[] = {
      "Look:\n```json\n{\"a\":1}\n```\n",
      "{\"a\":1}",
      "Hello <b>world</b> a < b <tool ok [x] {\"name\": 1}\n\n  done  \n",
      "Sure, it is <tool_cal fine.\n",
      "[TOOL is a word] and <function is too\n",
      "  leading blanks and trailing  \n\n",
      "Sure thing.",
  };
  size_t templates = 0;
  for (const auto& entry : std::filesystem::directory_iterator(template_file("x").parent_path())) {
    const auto format = format_of(entry.path());
    if (!format || read(*format, "x", false).status != 200) {
      continue;  // takes no tools
    }
    ++templates;
    for (const char* text : texts) {
      for (const bool stream : {false, true}) {
        SCOPED_TRACE(entry.path().filename().string() + (stream ? " streamed" : " whole") + ": " + text);
        const Read got = read(*format, text, stream);
        EXPECT_FALSE(got.broken);
        EXPECT_EQ(got.content, text);
        EXPECT_TRUE(got.calls.empty()) << got.calls;
        EXPECT_EQ(got.finish, "stop");
      }
    }
  }
  EXPECT_GT(templates, 40U);
}

struct Call {
  const char* chat_template;
  std::string text;
};

const Call kCalls[] = {
    {"Qwen-Qwen2.5-7B-Instruct",
     "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>"},
    {"meta-llama-Llama-3.1-8B-Instruct", "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Paris\"}}"},
    {"GLM-4.6", "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n</tool_call>"},
};

TEST(ToolFormat, ACallIsReadWholeAndStreamed) {
  for (const Call& call : kCalls) {
    const auto format = format_of(template_file(call.chat_template));
    ASSERT_TRUE(format) << call.chat_template;
    for (const bool stream : {false, true}) {
      SCOPED_TRACE(call.chat_template);
      const Read got = read(*format, call.text, stream);
      ASSERT_FALSE(got.broken);
      ASSERT_EQ(got.calls.size(), 1U) << got.content;
      EXPECT_EQ(json::parse(got.calls[0]["function"]["arguments"].get<std::string>()), json({{"city", "Paris"}}));
      EXPECT_EQ(got.content, "");
      EXPECT_EQ(got.finish, "tool_calls");
    }
  }
}

// Wherever a limit or a stop string cuts it: either the call is there with all its arguments, or the text is.
TEST(ToolFormat, ACallThatIsCutIsACallOrText) {
  for (const Call& call : kCalls) {
    const auto format = format_of(template_file(call.chat_template));
    ASSERT_TRUE(format) << call.chat_template;
    for (size_t tokens = 1; 2 * tokens < call.text.size(); tokens += 2) {
      const std::string stop = call.text.substr(2 * tokens);
      for (const auto& [more, finish, text] :
           {std::tuple(json{{"max_tokens", tokens}}, "length", call.text.substr(0, 2 * tokens)),
            std::tuple(json{{"stop", {stop}}}, "stop", call.text.substr(0, call.text.find(stop)))}) {
        for (const bool stream : {false, true}) {
          SCOPED_TRACE(std::string(call.chat_template) + (stream ? " streamed: " : " whole: ") + text);
          const Read got = read(*format, call.text, stream, more);
          EXPECT_FALSE(got.broken);
          EXPECT_EQ(got.finish, finish);
          if (got.calls.empty()) {
            EXPECT_EQ(got.content, text);
          } else {
            const json arguments =
                json::parse(got.calls[0]["function"]["arguments"].get<std::string>(), nullptr, false);
            EXPECT_EQ(arguments, json({{"city", "Paris"}}));
          }
        }
      }
    }
  }
}

// How the template itself writes a call after an answer's beginning, and what ends the answer behind it.
std::string call_as_written(const std::string& chat_template, const std::string& content) {
  try {
    const auto templates = common_chat_templates_init(vocabulary(), chat_template);
    common_chat_templates_inputs inputs;
    inputs.messages.resize(2);
    inputs.messages[0].role = "user";
    inputs.messages[0].content = "hi";
    inputs.messages[1].role = "assistant";
    inputs.messages[1].content = content;
    inputs.messages[1].tool_calls = {{.name = "get_weather", .arguments = R"({"city":"Paris"})", .id = "abcdefghi"}};
    inputs.tools = {
        {"get_weather", "d", R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})"}};
    inputs.add_generation_prompt = false;
    const std::string with_answer = common_chat_templates_apply(templates.get(), inputs).prompt;
    inputs.messages.pop_back();
    inputs.add_generation_prompt = true;
    const std::string prompt = common_chat_templates_apply(templates.get(), inputs).prompt;
    return with_answer.starts_with(prompt) ? with_answer.substr(prompt.size()) : "";
  } catch (const std::exception&) {
    return "";
  }
}

// As soon as the parser finds the call: behind it are the template's own ends of an answer.
Read read_call(const ToolFormat& format, std::string& text) {
  for (int ends = 0; ends < 4; ++ends) {
    Read got = read(format, text, false);
    if (got.calls.size() == 1) {
      return got;
    }
    const size_t end = text.find_last_of("<[");
    if (end == std::string::npos) {
      break;
    }
    text.resize(end);
  }
  return {};
}

// Also cut: then there is the call, or text, and never a stream that has to be broken off.
TEST(ToolFormat, CallsStreamAsTheyAreReadWhole) {
  size_t read_templates = 0;
  for (const auto& entry : std::filesystem::directory_iterator(template_file("x").parent_path())) {
    const auto format = format_of(entry.path());
    if (!format || read(*format, "x", false).status != 200) {
      continue;
    }
    for (const char* content : {"", "Let me look."}) {
      std::string text = call_as_written(read_file(entry.path()), content);
      const Read whole = read_call(*format, text);
      if (whole.calls.empty()) {
        continue;  // the template writes calls of the past otherwise than it reads them
      }
      ++read_templates;
      SCOPED_TRACE(entry.path().filename().string() + ": " + text);
      EXPECT_EQ(whole.finish, "tool_calls");
      const Read streamed = read(*format, text, true);
      EXPECT_FALSE(streamed.broken);
      ASSERT_EQ(streamed.calls.size(), 1U);
      EXPECT_EQ(streamed.calls[0]["function"]["name"], "get_weather");
      EXPECT_EQ(json::parse(streamed.calls[0]["function"]["arguments"].get<std::string>()), json({{"city", "Paris"}}));
      EXPECT_EQ(streamed.content.substr(0, whole.content.size()), whole.content);
      EXPECT_EQ(streamed.content.find_first_not_of(" \n", whole.content.size()), std::string::npos);
      for (size_t tokens = 1; 2 * tokens < text.size(); tokens += 1 + text.size() / 12) {
        const Read cut = read(*format, text, true, {{"max_tokens", tokens}});
        EXPECT_FALSE(cut.broken) << "cut after " << text.substr(0, 2 * tokens);
        EXPECT_EQ(cut.finish, "length");
        EXPECT_FALSE(cut.content.empty() && cut.calls.empty()) << "cut after " << text.substr(0, 2 * tokens);
      }
    }
  }
  EXPECT_GT(read_templates, 50U);
}

// The status, and what of the request is at fault.
std::pair<int, std::string> strictly(const std::string& chat_template, const json& choice, const json& parameters,
                                     bool strict = true) {
  const auto format = format_of(template_file(chat_template));
  EXPECT_TRUE(format) << chat_template;
  json body = {
      {"model", "m"},
      {"messages", {{{"role", "user"}, {"content", "hi"}}}},
      {"tools",
       {{{"type", "function"}, {"function", {{"name", "f"}, {"strict", strict}, {"parameters", parameters}}}}}},
      {"tool_choice", choice}};
  TextSource source(*format, "x");
  CollectingSink sink;
  const std::string asked = body.dump();
  EXPECT_TRUE(answer(
      {kChatCompletionsPath, as_bytes(asked)}, [&](std::string_view) { return &source; }, 0, system_environment(),
      sink));
  return {sink.status, sink.status == 200 ? "" : sink.json()["error"]["param"].get<std::string>()};
}

TEST(ToolFormat, StrictIsRefusedWhereNothingEnforcesIt) {
  const json parameters = {{"type", "object"},
                           {"properties", {{"city", {{"type", "string"}, {"maxLength", 3}}}}},
                           {"required", {"city"}},
                           {"additionalProperties", false}};
  const json named = {{"type", "function"}, {"function", {{"name", "f"}}}};
  const struct {
    const char* chat_template;
    bool when_auto;
    bool when_required;
  } rows[] = {
      {"Qwen-Qwen2.5-7B-Instruct", true, true},
      {"meta-llama-Llama-3.1-8B-Instruct", false, true},
      {"meta-llama-Llama-3.2-3B-Instruct", false, true},
      {"meta-llama-Llama-3.3-70B-Instruct", false, true},
      {"GLM-4.6", false, false},
      {"Qwen3-Coder", false, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.chat_template);
    for (const auto& [choice, enforced] :
         {std::pair(json("auto"), row.when_auto), std::pair(json("required"), row.when_required),
          std::pair(named, row.when_required), std::pair(json("none"), true)}) {
      const auto [status, param] = strictly(row.chat_template, choice, parameters);
      EXPECT_EQ(status, enforced ? 200 : 400) << choice;
      EXPECT_EQ(param, enforced ? "" : "tools[].function.strict") << choice;
      EXPECT_EQ(strictly(row.chat_template, choice, parameters, false).first, 200) << choice;
    }
  }
  // A pattern without a grammar is refused by name as for an answer's own schema.
  const json digits = {{"type", "object"}, {"properties", {{"n", {{"type", "string"}, {"pattern", "^\\d+$"}}}}}};
  EXPECT_EQ(strictly("Qwen-Qwen2.5-7B-Instruct", "auto", digits),
            std::pair(400, std::string("tools[0].function.parameters")));
}

// What the converter cannot do it says on standard error, with the text of the request.
TEST(ToolFormat, NothingOfASchemaIsLogged) {
  const json secret = {{"type", "object"}, {"properties", {{"n", {{"type", "string"}, {"pattern", "^secret\\d+$"}}}}}};
  testing::internal::CaptureStderr();
  EXPECT_EQ(strictly("Qwen-Qwen2.5-7B-Instruct", "auto", secret, false).first, 200);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace openpcc::engine
