#include "engine/api_request.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "engine/schema_check.h"

namespace openpcc::engine {
namespace {

using nlohmann::json;

Accepted<ApiRequest> parse(Dialect dialect, std::string_view body) {
  return parse_request(dialect, as_bytes(body), 42);
}

// A chat request with `more` among its fields.
std::string chat(std::string_view more) {
  std::string body = R"({"model":"m","messages":[{"role":"user","content":"hi"}])";
  return body.append(more.empty() ? "" : ",").append(more).append("}");
}

TEST(ParseRequest, TakesAChatRequestWithEverything) {
  const auto got = parse(Dialect::kChat, R"({"model":"m","messages":[{"role":"developer","content":"be brief"},
    {"role":"user","content":[{"type":"text","text":"one"},{"type":"text","text":"two"}]},{"role":"assistant","content":null}],
    "temperature":0.5,"top_p":0.9,"top_k":7,"min_p":0.05,"seed":-7,"max_tokens":5,"max_completion_tokens":9,"stop":["a","b"],"stream":true,
    "stream_options":{"include_usage":true},"frequency_penalty":0.25,"presence_penalty":-1,"repetition_penalty":1.1,
    "ignore_eos":true,"logit_bias":{"5":-100},"n":1,"user":"u","metadata":{"k":"v"},"tools":[],
    "response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object"}}}})");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->model, "m");
  ASSERT_EQ(got->generation.messages.size(), 3U);
  EXPECT_EQ(got->generation.messages[0].role, "system");
  EXPECT_EQ(got->generation.messages[1].content, "one\ntwo");
  EXPECT_EQ(got->generation.messages[2].content, "");
  const Sampling& sampling = got->generation.sampling;
  EXPECT_DOUBLE_EQ(sampling.temperature, 0.5);
  EXPECT_DOUBLE_EQ(sampling.top_p, 0.9);
  EXPECT_EQ(sampling.top_k, 7);
  EXPECT_DOUBLE_EQ(sampling.min_p, 0.05);
  EXPECT_DOUBLE_EQ(sampling.frequency_penalty, 0.25);
  EXPECT_DOUBLE_EQ(sampling.presence_penalty, -1);
  EXPECT_DOUBLE_EQ(sampling.repetition_penalty, 1.1);
  EXPECT_TRUE(sampling.ignore_eos);
  ASSERT_EQ(sampling.logit_bias.size(), 1U);
  EXPECT_EQ(sampling.logit_bias[0].first, 5);
  EXPECT_EQ(got->max_tokens, 9U);
  EXPECT_EQ(got->stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(got->stream);
  EXPECT_TRUE(got->include_usage);
  EXPECT_EQ(got->generation.json_schema, R"({"type":"object"})");
}

TEST(ParseRequest, HasOpenAisDefaults) {
  const auto got = parse(Dialect::kChat, chat(""));
  ASSERT_TRUE(got);
  EXPECT_DOUBLE_EQ(got->generation.sampling.temperature, 1);
  EXPECT_DOUBLE_EQ(got->generation.sampling.top_p, 1);
  EXPECT_EQ(got->generation.sampling.top_k, 0);
  EXPECT_EQ(parse(Dialect::kChat, chat(R"("top_k":-1)"))->generation.sampling.top_k, 0);
  EXPECT_EQ(got->generation.sampling.seed, 42U);
  EXPECT_FALSE(got->stream);
  EXPECT_FALSE(got->max_tokens);
}

// The official node writes an absent max_completion_tokens as 0 when it re-serialises.
TEST(ParseRequest, TakesAZeroTokenLimitForNone) {
  EXPECT_FALSE(parse(Dialect::kChat, chat(R"("max_completion_tokens":0)"))->max_tokens);
  EXPECT_EQ(parse(Dialect::kChat, chat(R"("max_completion_tokens":0,"max_tokens":3)"))->max_tokens, 3U);
}

TEST(ParseRequest, GivesTheSameSeedForTheSameInteger) {
  const auto seed = [](std::string_view text) {
    return parse(Dialect::kChat, chat("\"seed\":" + std::string(text)))->generation.sampling.seed;
  };
  EXPECT_EQ(seed("5"), 5U);
  EXPECT_NE(seed("4294967297"), seed("1"));
  EXPECT_NE(seed("4294967295"), UINT32_MAX);  // libllama's word for "random"
}

TEST(ParseRequest, TakesOllamasRequestsWithItsDefaults) {
  const auto chat_request =
      parse(Dialect::kOllamaChat, R"({"model":"m","messages":[{"role":"user","content":"hi","images":[]}],
    "keep_alive":"5m","format":"json","options":{"num_predict":4,"seed":3,"stop":"x","num_ctx":100,"repeat_penalty":1.2,"num_thread":8}})");
  ASSERT_TRUE(chat_request) << chat_request.error().message;
  EXPECT_TRUE(chat_request->stream);
  EXPECT_EQ(chat_request->max_tokens, 4U);
  EXPECT_EQ(chat_request->context_limit, 100U);
  EXPECT_EQ(chat_request->generation.sampling.top_k, 40);
  EXPECT_DOUBLE_EQ(chat_request->generation.sampling.temperature, 0.8);
  EXPECT_FALSE(chat_request->generation.json_schema.empty());

  const auto generate =
      parse(Dialect::kOllamaGenerate,
            R"({"model":"m","prompt":"hi","system":"s","stream":false,"options":{"num_predict":-1}})");
  ASSERT_TRUE(generate) << generate.error().message;
  ASSERT_EQ(generate->generation.messages.size(), 2U);
  EXPECT_EQ(generate->generation.messages[0].role, "system");
  EXPECT_EQ(generate->generation.messages[1].content, "hi");
  EXPECT_FALSE(generate->stream);
  EXPECT_FALSE(generate->max_tokens);
  EXPECT_FALSE(generate->load_only);
  EXPECT_TRUE(parse(Dialect::kOllamaGenerate, R"({"model":"m"})")->load_only);
}

TEST(ParseRequest, TakesLogprobsInBothForms) {
  const auto top = [](Dialect dialect, const std::string& body) {
    const auto got = parse(dialect, body);
    EXPECT_TRUE(got) << body;
    return got ? got->generation.top_logprobs : std::nullopt;
  };
  EXPECT_EQ(top(Dialect::kChat, chat(R"("logprobs":true)")), 0U);
  EXPECT_EQ(top(Dialect::kChat, chat(R"("logprobs":true,"top_logprobs":20)")), 20U);
  EXPECT_EQ(top(Dialect::kChat, chat(R"("logprobs":1,"top_logprobs":2)")), 2U);  // as the official node takes it
  for (const char* none : {R"("logprobs":false)", R"("logprobs":null)", R"("logprobs":0)", R"("top_logprobs":0)"}) {
    EXPECT_FALSE(top(Dialect::kChat, chat(none))) << none;
  }
  EXPECT_EQ(top(Dialect::kCompletion, R"({"model":"m","prompt":"x","logprobs":0})"), 0U);
  EXPECT_EQ(top(Dialect::kCompletion, R"({"model":"m","prompt":"x","logprobs":5})"), 5U);
  EXPECT_FALSE(top(Dialect::kCompletion, R"({"model":"m","prompt":"x","logprobs":null})"));
}

// `count` entries of a logit_bias.
std::string biases(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    out += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":1";
  }
  return out;
}

TEST(ParseRequest, TakesAsManyBiasesAsTheLimitSays) {
  const auto got = parse(Dialect::kChat, chat("\"logit_bias\":{" + biases(kMaxLogitBiases) + "}"));
  ASSERT_TRUE(got);
  EXPECT_EQ(got->generation.sampling.logit_bias.size(), kMaxLogitBiases);
}

// A chat request whose answer must fit this schema; more fields may follow it.
std::string json_schema(const std::string& schema) {
  return chat(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","schema":)" + schema + "}}");
}

TEST(ParseRequest, KeepsASchemaInItsOrder) {
  const auto got =
      parse(Dialect::kChat, json_schema(R"({"type":"object","properties":{"z":{},"a":{}}},"strict":true)"));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->generation.json_schema, R"({"type":"object","properties":{"z":{},"a":{}}})");
  EXPECT_EQ(
      parse(Dialect::kOllamaChat, R"({"model":"m","messages":[],"format":{"z":1,"a":2}})")->generation.json_schema,
      R"({"z":1,"a":2})");
}

// A chat request with one tool, of this function.
std::string tools(const std::string& function, const std::string& more = "") {
  return chat(R"("tools":[{"type":"function","function":)" + function + "}]" + (more.empty() ? "" : "," + more));
}

TEST(ParseRequest, TakesToolsAndTheirResults) {
  const auto got = parse(Dialect::kChat, R"({"model":"m","messages":[{"role":"user","content":"x"},
    {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"z\": 1, \"a\": 2}"}}]},
    {"role":"tool","tool_call_id":"c1","content":"42"}],
    "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","properties":{"z":{},"a":{}}}}},
             {"type":"function","function":{"name":"g"}}],"tool_choice":"required","parallel_tool_calls":false})");
  ASSERT_TRUE(got) << got.error().message;
  const Generation& generation = got->generation;
  ASSERT_EQ(generation.messages.size(), 3U);
  ASSERT_EQ(generation.messages[1].tool_calls.size(), 1U);
  EXPECT_EQ(generation.messages[1].tool_calls[0].arguments, R"({"z":1,"a":2})");
  EXPECT_EQ(generation.messages[2].tool_call_id, "c1");
  ASSERT_EQ(generation.tools.size(), 2U);
  EXPECT_EQ(generation.tools[0].parameters, R"({"type":"object","properties":{"z":{},"a":{}}})");
  EXPECT_EQ(generation.tool_choice, ToolChoice::kRequired);
  EXPECT_FALSE(generation.parallel_tool_calls);
  const auto named =
      parse(Dialect::kChat, tools(R"({"name":"f"})", R"("tool_choice":{"type":"function","function":{"name":"f"}})"));
  EXPECT_EQ(named->generation.tools.size(), 1U);
  EXPECT_EQ(named->generation.tool_choice, ToolChoice::kRequired);
  EXPECT_EQ(parse(Dialect::kChat, tools(R"({"name":"f"})", R"("tool_choice":"none")"))->generation.tool_choice,
            ToolChoice::kNone);
  const auto ollama = parse(
      Dialect::kOllamaChat,
      R"({"model":"m","messages":[{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},
    {"role":"tool","tool_name":"f","content":"42"}],"tools":[{"type":"function","function":{"name":"f"}}]})");
  ASSERT_TRUE(ollama) << ollama.error().message;
  EXPECT_EQ(ollama->generation.messages[0].tool_calls[0].arguments, R"({"a":1})");
  EXPECT_EQ(ollama->generation.messages[1].tool_name, "f");
}

struct Fault {
  Dialect dialect;
  std::string body;
  const char* param;
};

TEST(ParseRequest, RefusesEachFaultByName) {
  const Fault faults[] = {
      {Dialect::kChat, chat(R"("best":5)"), "best"},
      {Dialect::kChat, chat(R"("top_k":-2)"), "top_k"},
      {Dialect::kChat, chat(R"("min_p":1.5)"), "min_p"},
      {Dialect::kChat, chat(R"("Temperature":1)"), "Temperature"},
      {Dialect::kChat, chat(R"("n":2)"), "n"},
      {Dialect::kChat, chat(R"("logprobs":5)"), "logprobs"},
      {Dialect::kChat, chat(R"("logprobs":"yes")"), "logprobs"},
      {Dialect::kChat, chat(R"("logprobs":true,"top_logprobs":21)"), "top_logprobs"},
      {Dialect::kChat, chat(R"("logprobs":true,"top_logprobs":-1)"), "top_logprobs"},
      {Dialect::kChat, chat(R"("logprobs":true,"top_logprobs":true)"), "top_logprobs"},
      {Dialect::kChat, chat(R"("top_logprobs":1)"), "top_logprobs"},
      {Dialect::kChat, chat(R"("logprobs":false,"top_logprobs":1)"), "top_logprobs"},
      {Dialect::kChat, chat(R"("frequency_penalty":2.1)"), "frequency_penalty"},
      {Dialect::kChat, chat(R"("frequency_penalty":"1")"), "frequency_penalty"},
      {Dialect::kChat, chat(R"("presence_penalty":-2.1)"), "presence_penalty"},
      {Dialect::kChat, chat(R"("presence_penalty":[])"), "presence_penalty"},
      {Dialect::kChat, chat(R"("repetition_penalty":0)"), "repetition_penalty"},
      {Dialect::kChat, chat(R"("logit_bias":[])"), "logit_bias"},
      {Dialect::kChat, chat(R"("logit_bias":{"5":100.5})"), "logit_bias"},
      {Dialect::kChat, chat(R"("logit_bias":{"5":"1"})"), "logit_bias"},
      {Dialect::kChat, chat(R"("logit_bias":{"-5":1})"), "logit_bias"},
      {Dialect::kChat, chat(R"("logit_bias":{"9999999999":1})"), "logit_bias"},
      {Dialect::kChat, chat("\"logit_bias\":{" + biases(kMaxLogitBiases + 1) + "}"), "logit_bias"},
      {Dialect::kChat, chat(R"("ignore_eos":1)"), "ignore_eos"},
      {Dialect::kChat, chat(R"("n":-1)"), "n"},
      {Dialect::kChat, chat(R"("n":0)"), "n"},
      {Dialect::kChat, chat(R"("prediction":"none")"), "prediction"},
      {Dialect::kCompletion, R"({"model":"m","prompt":"x","suffix":"none"})", "suffix"},
      {Dialect::kOllamaGenerate, R"({"model":"m","prompt":"x","template":"none"})", "template"},
      {Dialect::kChat, chat(R"("tool_choice":"auto")"), "tool_choice"},
      {Dialect::kChat, chat(R"("tools":[],"tool_choice":"none")"), "tool_choice"},
      {Dialect::kChat, R"({"model":"m","messages":[{"role":"user"}]})", "messages[0].content"},
      {Dialect::kChat, R"({"model":"m","messages":[{"role":"system","content":null}]})", "messages[0].content"},
      {Dialect::kChat, R"({"model":"m","messages":[{"role":"user","content":"x","name":"none"}]})", "messages[0].name"},
      {Dialect::kChat, R"({"model":"m","messages":[{"role":"tool","tool_call_id":"c","content":"x"}]})",
       "messages[0].tool_call_id"},
      {Dialect::kChat, chat(R"("max_completion_tokens":"5")"), "max_completion_tokens"},
      {Dialect::kCompletion, R"({"model":"m","prompt":"x","logprobs":6})", "logprobs"},
      {Dialect::kCompletion, R"({"model":"m","prompt":"x","logprobs":true})", "logprobs"},
      {Dialect::kCompletion, R"({"model":"m","prompt":"x","top_logprobs":1})", "top_logprobs"},
      {Dialect::kCompletion, R"({"model":"m","prompt":"x","best_of":2})", "best_of"},
      {Dialect::kCompletion, R"({"model":"m","prompt":"x","max_completion_tokens":2})", "max_completion_tokens"},
      {Dialect::kOllamaChat, R"({"model":"m","messages":[],"logprobs":true})", "logprobs"},
      {Dialect::kOllamaChat, R"({"model":"m","messages":[],"options":{"repeat_penalty":0}})", "options.repeat_penalty"},
      {Dialect::kOllamaChat, R"({"model":"m","messages":[],"options":{"repeat_last_n":3}})", "options.repeat_last_n"},
      {Dialect::kOllamaChat, R"({"model":"m","messages":[],"options":{"typical_p":0.5}})", "options.typical_p"},
      {Dialect::kOllamaChat, R"({"model":"m","messages":[],"options":{"min_p":2}})", "options.min_p"},
      {Dialect::kChat, chat(R"("tool_choice":"required")"), "tool_choice"},
      {Dialect::kChat, chat(R"("tools":{})"), "tools"},
      {Dialect::kChat, chat(R"("tools":[5])"), "tools"},
      {Dialect::kChat, chat(R"("tools":[{"type":"function"}])"), "tools[0].function"},
      {Dialect::kChat, chat(R"("tools":[{"type":"code","function":{"name":"f"}}])"), "tools[0].type"},
      {Dialect::kChat, chat(R"("tools":[{"function":{"name":"f"}}])"), "tools[0].type"},
      {Dialect::kChat, tools(R"({"name":"a b"})"), "tools[0].function.name"},
      {Dialect::kChat, tools(R"({})"), "tools[0].function.name"},
      {Dialect::kChat, tools("{\"name\":\"" + std::string(65, 'x') + "\"}"), "tools[0].function.name"},
      {Dialect::kChat, tools(R"({"name":"f","extra":1})"), "tools[0].function.extra"},
      {Dialect::kChat, tools(R"({"name":"f","parameters":[]})"), "tools[0].function.parameters"},
      {Dialect::kChat, tools(R"({"name":"f","parameters":{"minItems":3,"maxItems":1}})"),
       "tools[0].function.parameters"},
      {Dialect::kChat, tools(R"({"name":"f","strict":true,"parameters":{"not":{}}})"), "tools[0].function.parameters"},
      {Dialect::kChat, tools(R"({"name":"f"},"x":1)"), "tools[0].x"},
      {Dialect::kChat,
       chat(R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}])"),
       "tools"},
      {Dialect::kChat,
       chat("\"tools\":[" +
            [] {
              std::string all = "{}";
              for (size_t i = 0; i < kMaxTools; ++i) all += ",{}";
              return all;
            }() +
            "]"),
       "tools"},
      {Dialect::kChat, tools(R"({"name":"f"})", R"("tool_choice":"maybe")"), "tool_choice"},
      {Dialect::kChat, tools(R"({"name":"f"})", R"("tool_choice":{"type":"function","function":{"name":"g"}})"),
       "tool_choice.function.name"},
      {Dialect::kChat, tools(R"({"name":"f"})", R"("tool_choice":{"type":"function"})"), "tool_choice.function"},
      {Dialect::kChat, tools(R"({"name":"f"})", R"("parallel_tool_calls":1)"), "parallel_tool_calls"},
      {Dialect::kChat, tools(R"({"name":"f"})", R"("response_format":{"type":"json_object"})"), "response_format"},
      {Dialect::kChat, tools(R"({"name":"f"})", R"("logprobs":true)"), "logprobs"},
      {Dialect::kChat, chat(R"("functions":[{"name":"f"}])"), "functions"},
      {Dialect::kChat, R"({"model":"m","messages":[{"role":"tool","content":"x"}]})", "messages[0].tool_call_id"},
      {Dialect::kChat, R"({"model":"m","messages":[{"role":"function","content":"x"}]})", "messages[0].role"},
      {Dialect::kChat,
       R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"[1"}}]}]})",
       "messages[0].tool_calls[0].function.arguments"},
      {Dialect::kChat,
       R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{}}}]}]})",
       "messages[0].tool_calls[0].function.arguments"},
      {Dialect::kChat,
       R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"id":5,"function":{"name":"f"}}]}]})",
       "messages[0].tool_calls[0].id"},
      {Dialect::kOllamaChat,
       R"({"model":"m","messages":[{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":"{}"}}]}]})",
       "messages[0].tool_calls[0].function.arguments"},
      {Dialect::kOllamaChat,
       R"({"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f"}}],"format":"json"})",
       "format"},
      {Dialect::kChat, chat(R"("prediction":{"type":"content"})"), "prediction"},
      {Dialect::kChat, chat(R"("temperature":2.1)"), "temperature"},
      {Dialect::kChat, chat(R"("temperature":"1")"), "temperature"},
      {Dialect::kChat, chat(R"("top_p":-0.1)"), "top_p"},
      {Dialect::kChat, chat(R"("max_tokens":1.5)"), "max_tokens"},
      {Dialect::kChat, chat(R"("max_tokens":-1)"), "max_tokens"},
      {Dialect::kChat, chat(R"("seed":18446744073709551615)"), "seed"},
      {Dialect::kChat, chat(R"("stop":[1])"), "stop"},
      {Dialect::kChat, chat(R"("stop":["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a"])"), "stop"},
      {Dialect::kChat, chat(R"("stream":1)"), "stream"},
      {Dialect::kChat, chat(R"("stream_options":{"x":1})"), "stream_options.x"},
      {Dialect::kChat, chat(R"("response_format":{"type":"xml"})"), "response_format.type"},
      {Dialect::kChat, chat(R"("response_format":{"type":5})"), "response_format.type"},
      {Dialect::kChat, chat(R"("response_format":"json")"), "response_format"},
      {Dialect::kChat, chat(R"("response_format":{"type":"json_object","x":1})"), "response_format.x"},
      {Dialect::kChat, chat(R"("response_format":{"type":"json_schema"})"), "response_format.json_schema"},
      {Dialect::kChat, json_schema("5"), "response_format.json_schema.schema"},
      {Dialect::kChat, json_schema(R"({},"strict":"yes")"), "response_format.json_schema.strict"},
      {Dialect::kChat, json_schema(R"({},"extra":1)"), "response_format.json_schema.extra"},
      {Dialect::kChat, json_schema(R"({"minItems":5,"maxItems":4})"), "response_format.json_schema.schema"},
      {Dialect::kChat, json_schema("{\"enum\":[\"" + std::string(kMaxSchemaBytes, 'x') + "\"]}"),
       "response_format.json_schema.schema"},
      {Dialect::kChat, json_schema(R"({"not":{}},"strict":true)"), "response_format.json_schema.schema"},
      {Dialect::kChat, chat(R"("logit_bias":{"x":1})"), "logit_bias"},
      {Dialect::kChat, R"({"model":"m","messages":[]})", "messages"},
      {Dialect::kChat, R"({"model":"m","messages":"hi"})", "messages"},
      {Dialect::kChat, R"({"model":"m","messages":[{"role":"pirate","content":"x"}]})", "messages[0].role"},
      {Dialect::kChat, R"({"model":"m","messages":[{"role":"user","content":[{"type":"image_url"}]}]})",
       "messages[0].content"},
      {Dialect::kChat, R"({"model":"m","messages":[{"role":"user","content":"x","tool_calls":[1]}]})",
       "messages[0].tool_calls"},
      {Dialect::kCompletion, R"({"model":"m","prompt":"x","echo":true})", "echo"},
      {Dialect::kCompletion, R"({"model":"m","prompt":"x","suffix":"y"})", "suffix"},
      {Dialect::kCompletion, R"({"model":"m","prompt":["x"]})", "prompt"},
      {Dialect::kCompletion, R"({"model":"m"})", "prompt"},
      {Dialect::kOllamaChat, R"({"model":"m","messages":[],"options":{"mirostat":1}})", "options.mirostat"},
      {Dialect::kOllamaChat, R"({"model":"m","messages":[{"role":"user","content":"","images":["x"]}]})",
       "messages[0].images"},
      {Dialect::kOllamaGenerate, R"({"model":"m","prompt":"x","template":"{{ .Prompt }}"})", "template"},
      {Dialect::kOllamaGenerate, R"({"model":"m","prompt":"x","format":"yaml"})", "format"},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.body);
    const auto got = parse(fault.dialect, fault.body);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().param, fault.param);
    EXPECT_EQ(got.error().status, 400);
    EXPECT_NE(got.error().message.find(fault.param), std::string::npos);
  }
}

TEST(ParseRequest, RefusesWhatIsNoObject) {
  for (const char* body : {"", "null", "[]", "\"x\"", "{", "{}x", "{\"model\":\"\xff\"}", "{\"a\":1,}"}) {
    EXPECT_FALSE(parse(Dialect::kChat, body)) << body;
  }
}

TEST(ParseRequest, RefusesDepthAndSizeBeforeItReads) {
  EXPECT_FALSE(parse(Dialect::kChat, std::string(200000, '[')));
  EXPECT_FALSE(parse(Dialect::kChat, chat("\"metadata\":" + std::string(100, '[') + std::string(100, ']'))));
  EXPECT_TRUE(
      parse(Dialect::kChat,
            chat(R"("metadata":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[")")));
  EXPECT_TRUE(parse(Dialect::kChat, chat("\"user\":\"" + std::string(limits::kRequestBody, 'x') + "\"")));
  EXPECT_FALSE(parse(Dialect::kChat, chat("\"user\":\"" + std::string(kMaxBodyBytes, 'x') + "\"")));
}

TEST(DialectOf, KnowsTheFourPathsOnly) {
  EXPECT_EQ(dialect_of("/v1/chat/completions"), Dialect::kChat);
  EXPECT_EQ(dialect_of("/api/generate"), Dialect::kOllamaGenerate);
  EXPECT_FALSE(dialect_of("/v1/models"));
  EXPECT_FALSE(dialect_of("/v1/chat/completions/"));
}

TEST(ParseRequest, TakesOllamasWordsForNoLimitAndAnySeed) {
  const auto with = [](const std::string& options) {
    return parse(Dialect::kOllamaGenerate, R"({"model":"m","prompt":"x","options":{)" + options + "}}");
  };
  EXPECT_FALSE(with(R"("num_predict":0)")->max_tokens);
  EXPECT_FALSE(with(R"("num_predict":-1)")->max_tokens);
  EXPECT_EQ(with(R"("num_predict":1)")->max_tokens, 1U);
  EXPECT_EQ(with(R"("seed":-1)")->generation.sampling.seed, 42U) << "the one that the caller drew";
  EXPECT_NE(with(R"("seed":-2)")->generation.sampling.seed, 42U);
  EXPECT_TRUE(parse(Dialect::kOllamaChat, R"({"model":"m","messages":[{"role":"user"}]})"));
  EXPECT_TRUE(parse(Dialect::kChat, chat(R"("function_call":"none")")));
}

// What a template or a parser would take long over counts, wherever it stands.
TEST(ParseRequest, CountsTheArgumentsOfCallsLikeItsOwnText) {
  const auto with_arguments = [](const std::vector<std::string>& all) {
    json calls = json::array();
    for (const std::string& arguments : all) {
      calls.push_back({{"id", "c"}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", arguments}}}});
    }
    const json body = {{"model", "m"}, {"messages", {{{"role", "assistant"}, {"tool_calls", calls}}}}};
    return parse(Dialect::kChat, body.dump());
  };
  const auto keys = [](size_t count) {
    std::string text = "{";
    for (size_t i = 0; i < count; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":1";
    return text + "}";
  };
  const auto nested = [](size_t depth) { return "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}"; };
  EXPECT_TRUE(with_arguments({keys(9000), keys(9000), nested(kMaxJsonDepth - 1)}));
  const auto expect_refused = [](const Accepted<ApiRequest>& got) {
    ASSERT_FALSE(got);
    EXPECT_TRUE(got.error().param.ends_with(".function.arguments")) << got.error().param;
  };
  expect_refused(with_arguments({keys(90'000)}));
  expect_refused(with_arguments({keys(9000), keys(9000), keys(9000)}));
  expect_refused(with_arguments({nested(kMaxJsonDepth)}));
  expect_refused(with_arguments({nested(100'000)}));
}

}  // namespace
}  // namespace openpcc::engine
