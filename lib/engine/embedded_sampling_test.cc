// What the parameters of a request do to the answers of real models, beside the bare library.
#include <cctype>
#include <chrono>
#include <cstdio>

#include "engine/testing/asking.h"

namespace openpcc::engine {
namespace {

// One for all: loading takes longer than answering.
Engine& demo() {
  static const std::unique_ptr<Engine> engine = loaded(demo_model());
  return *engine;
}

json body_of(const json& result) {
  return json::parse(result["body"].get<std::string>());
}

TEST(Sampling, PenaltiesAreThoseOfTheBareLibrary) {
  const char* question = "Repeat the word dog.";
  const std::string plain = content_of(ask(demo(), kChatCompletionsPath, chat(question)));
  const struct {
    json asked;
    BareSampling bare;
  } rows[] = {
      {{{"frequency_penalty", 1.5}}, {.frequency_penalty = 1.5}},
      {{{"presence_penalty", 2}}, {.presence_penalty = 2}},
      {{{"frequency_penalty", 2}, {"presence_penalty", 2}}, {.frequency_penalty = 2, .presence_penalty = 2}},
      {{{"repetition_penalty", 1.9}}, {.repetition_penalty = 1.9F}},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.asked.dump());
    const json want = bare(demo_model(), question, 40, &row.bare);
    const std::string got = content_of(ask(demo(), kChatCompletionsPath, chat(question, row.asked)));
    EXPECT_EQ(got, want["text"].get<std::string>());
    EXPECT_NE(got, plain);
  }
}

TEST(Sampling, ABiasForbidsAndForces) {
  const json plain = bare(demo_model(), "Hello", 4);
  const std::string first = std::to_string(plain["ids"][0].get<int>());
  const json without =
      ask(demo(), kChatCompletionsPath, chat("Hello", {{"logit_bias", {{first, -100}}}, {"max_tokens", 4}}));
  const BareSampling forbidden{.logit_bias = {{plain["ids"][0].get<int>(), -100.0F}}};
  EXPECT_EQ(content_of(without), bare(demo_model(), "Hello", 4, &forbidden)["text"].get<std::string>());
  EXPECT_NE(content_of(without).substr(0, 3), plain["text"].get<std::string>().substr(0, 3));

  const json forced =
      ask(demo(), kChatCompletionsPath, chat("Hello", {{"logit_bias", {{"33", 100}}}, {"max_tokens", 4}}));
  const std::string text = content_of(forced);
  EXPECT_EQ(text, std::string(1, text[0]) + text[0] + text[0] + text[0]);  // one token, always the same
  const json unknown = ask(demo(), kChatCompletionsPath, chat("Hello", {{"logit_bias", {{"999999", 1}}}}));
  EXPECT_EQ(unknown["status"], 400);
  EXPECT_EQ(body_of(unknown)["error"]["param"], "logit_bias");
}

// Divided by almost nothing, logits are no numbers any more.
TEST(Sampling, AlmostNoTemperatureIsNone) {
  const std::string greedy = content_of(ask(demo(), kChatCompletionsPath, chat("Hello", {{"max_tokens", 8}})));
  for (const double temperature : {1e-7, 1e-36, 1e-39, 1e-300}) {
    const json got = ask(demo(), kChatCompletionsPath,
                         chat("Hello", {{"max_tokens", 8}, {"temperature", temperature}, {"seed", 7}}));
    EXPECT_EQ(content_of(got), greedy) << temperature;
  }
}

void expect_chances(const json& got, const json& want, const std::string& path) {
  SCOPED_TRACE(path);
  ASSERT_EQ(got.size(), want["logprobs"].size());
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i]["logprob"].get<double>(), want["logprobs"][i].get<double>(), 1e-4) << i;
    ASSERT_EQ(got[i]["top_logprobs"].size(), 5U);
    for (size_t k = 0; k < 5; ++k) {
      EXPECT_NEAR(got[i]["top_logprobs"][k]["logprob"].get<double>(), want["top"][i][k][1].get<double>(), 1e-4);
      const auto bytes = got[i]["top_logprobs"][k]["bytes"].get<std::vector<uint8_t>>();
      const std::string name =
          json(std::string(bytes.begin(), bytes.end())).dump(-1, ' ', false, json::error_handler_t::replace);
      EXPECT_EQ(json::parse(name), want["top"][i][k][0]) << i << " " << k;
    }
  }
}

TEST(Sampling, LogprobsAreThoseOfTheBareLibrary) {
  const std::pair<std::string, const char*> rows[] = {{demo_model(), "What is the capital of France?"},
                                                      {tiny_model(), "Tell me something random."}};
  for (const auto& [path, question] : rows) {
    const auto engine = loaded(path);
    const BareSampling plain;
    const json want = bare(path, question, 12, &plain);
    const json more = {{"max_tokens", 12}, {"logprobs", true}, {"top_logprobs", 5}};
    const json got = body_of(ask(*engine, kChatCompletionsPath, chat(question, more)))["choices"][0];
    expect_chances(got["logprobs"]["content"], want, path);
    std::string text;
    for (const json& token : got["logprobs"]["content"]) {
      const auto bytes = token["bytes"].get<std::vector<uint8_t>>();
      text.append(bytes.begin(), bytes.end());
    }
    if (path == demo_model()) {
      EXPECT_EQ(text, got["message"]["content"].get<std::string>());
    }
  }
}

// They are the model's own, whatever the request does to the choice.
TEST(Sampling, LogprobsDoNotDependOnTheSampler) {
  const json more = {{"max_tokens", 1}, {"logprobs", true}, {"top_logprobs", 3}};
  json changed = more;
  changed.update({{"temperature", 1.7}, {"seed", 5}, {"top_p", 0.3}, {"logit_bias", {{"33", 100}}}});
  const auto top = [&](const json& asked) {
    return body_of(ask(demo(), kChatCompletionsPath, chat("Hello", asked)))["choices"][0]["logprobs"]["content"][0];
  };
  EXPECT_EQ(top(more)["top_logprobs"], top(changed)["top_logprobs"]);
  EXPECT_LT(top(changed)["logprob"].get<double>(), top(more)["logprob"].get<double>());
}

TEST(Sampling, ACompletionHasItsLogprobs) {
  const json got = body_of(ask(demo(), kCompletionsPath,
                               {{"model", "m"},
                                {"prompt", "The capital of France is"},
                                {"temperature", 0},
                                {"max_tokens", 3},
                                {"logprobs", 2}}))["choices"][0];
  std::string text;
  for (const json& token : got["logprobs"]["tokens"]) {
    text += token.get<std::string>();
  }
  EXPECT_EQ(text, got["text"].get<std::string>());
  EXPECT_EQ(got["logprobs"]["top_logprobs"][0].size(), 2U);  // the greedy token is one of them
  EXPECT_EQ(got["logprobs"]["text_offset"][1].get<size_t>(), got["logprobs"]["tokens"][0].get<std::string>().size());
}

json with_schema(const json& schema, bool strict = false) {
  return {{"max_tokens", 120},
          {"response_format",
           {{"type", "json_schema"}, {"json_schema", {{"name", "c"}, {"schema", schema}, {"strict", strict}}}}}};
}

TEST(Sampling, FitsAnswersToASchema) {
  const std::string schema = R"({"type":"object","properties":{"town":{"type":"string","maxLength":20},
    "age":{"type":"integer","minimum":3,"maximum":99},"kind":{"enum":["old","new"]},
    "code":{"type":"string","pattern":"^[A-Z]{2}[0-9]{3}$"},"list":{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":3}},
    "required":["town","age","kind","code","list"],"additionalProperties":false})";
  const std::string body =
      R"({"model":"m","messages":[{"role":"user","content":"Tell me about Paris."}],"max_tokens":150,"seed":3,
    "response_format":{"type":"json_schema","json_schema":{"name":"c","strict":true,"schema":)" +
      schema + "}}}";
  const std::string text = in_child([&] {
    CollectingSink sink;
    return demo().handle({kChatCompletionsPath, as_bytes(body)}, sink) ? sink.body : std::string();
  });
  const auto content = json::parse(text)["choices"][0]["message"]["content"].get<std::string>();
  const auto answer = nlohmann::ordered_json::parse(content, nullptr, false);
  ASSERT_TRUE(answer.is_object()) << content;
  std::vector<std::string> keys;
  for (const auto& [key, value] : answer.items()) {
    keys.push_back(key);
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"town", "age", "kind", "code", "list"}));  // the order of the schema
  EXPECT_LE(answer["town"].get<std::string>().size(), 80U);
  EXPECT_TRUE(answer["age"].is_number_integer() && answer["age"] >= 3 && answer["age"] <= 99);
  EXPECT_TRUE(answer["kind"] == "old" || answer["kind"] == "new");
  const auto code = answer["code"].get<std::string>();
  ASSERT_EQ(code.size(), 5U);
  EXPECT_TRUE(std::isupper(code[0]) && std::isupper(code[1]) && std::isdigit(code[2]) && std::isdigit(code[4]));
  EXPECT_TRUE(answer["list"].size() == 2 || answer["list"].size() == 3);
}

TEST(Sampling, AnswersWithAnyObjectWhereOneIsAskedFor) {
  const json got =
      ask(demo(), kChatCompletionsPath,
          chat("List two colours as JSON.", {{"max_tokens", 200}, {"response_format", {{"type", "json_object"}}}}));
  ASSERT_EQ(got["status"], 200) << got;
  EXPECT_TRUE(content_of(got).starts_with("{")) << content_of(got);
  if (finish_of(got) == "stop") {
    EXPECT_TRUE(json::parse(content_of(got), nullptr, false).is_object()) << content_of(got);
  }
  json ollama = {{"model", "m"}, {"messages", {{{"role", "user"}, {"content", "x"}}}}, {"stream", false}};
  ollama["format"] = {{"type", "object"}, {"properties", {{"a", {{"enum", {7}}}}}}, {"required", {"a"}}};
  const json answer = body_of(ask(demo(), kOllamaChatPath, ollama));
  EXPECT_EQ(json::parse(answer["message"]["content"].get<std::string>(), nullptr, false), json({{"a", 7}})) << answer;
}

TEST(Sampling, RefusesSchemasThatNoGrammarExpresses) {
  const json rows[] = {{{"$ref", "#/nowhere"}},
                       {{"type", "no such type"}},
                       {{"type", "string"}, {"pattern", "^(unbalanced$"}},
                       {{"anyOf", json::array()}}};
  for (const json& schema : rows) {
    EXPECT_EQ(ask(demo(), kChatCompletionsPath, chat("x", with_schema(schema)))["status"], 400) << schema;
  }
  // Patterns that the converter would take for "any text".
  for (const char* pattern : {"^\\d+$", "no anchors", "^(?=a)b$"}) {
    const json schema = {{"type", "string"}, {"pattern", pattern}};
    EXPECT_EQ(ask(demo(), kChatCompletionsPath, chat("x", with_schema(schema, true)))["status"], 400) << pattern;
    json more = with_schema(schema);
    more["max_tokens"] = 2;
    EXPECT_EQ(ask(demo(), kChatCompletionsPath, chat("x", more))["status"], 200) << pattern;
  }
}

// Where a schema leaves nothing to say, the answer is over, whatever else the request wants.
TEST(Sampling, EndsWhereASchemaLeavesNothing) {
  json more = with_schema({{"enum", {12}}});
  more["ignore_eos"] = true;
  const json got = ask(demo(), kChatCompletionsPath, chat("x", more));
  ASSERT_EQ(got["status"], 200) << got;
  EXPECT_EQ(content_of(got), "12");
  EXPECT_EQ(finish_of(got), "stop");
  const json nothing =
      ask(demo(), kChatCompletionsPath, chat("x", with_schema({{"type", "string"}, {"pattern", "^\\x00$"}})));
  EXPECT_EQ(nothing["status"], 200) << nothing;
}

// The largest that the check of schemas lets through: made into grammars in a child with an ordinary stack, in time.
TEST(Sampling, SurvivesTheLargestSchemas) {
  const auto properties = [](size_t count, size_t name, const json& inner) {
    json out = json::object();
    for (size_t i = 0; i < count; ++i) {
      out[std::string(name, '*') + std::to_string(i)] = inner;
    }
    return json{{"properties", out}};
  };
  json nested = json::object();
  for (int i = 1; i < 16; ++i) {
    nested = {{"properties", {{std::string(128, '*'), nested}}}};
  }
  json defs = {{"d100", {{"type", "null"}}}};
  for (int i = 0; i < 100; ++i) {
    defs["d" + std::to_string(i)] = {{"$ref", "#/$defs/d" + std::to_string(i + 1)}};
  }
  std::string groups = "a";
  for (int i = 0; i < 7; ++i) {
    groups = "(" + groups + "b?)?";
  }
  const json rows[] = {
      nested,
      properties(256, 100, json::object()),
      {{"anyOf",
        {properties(250, 4, {{"type", "integer"}}), properties(250, 5, {{"type", "integer"}}),
         properties(250, 6, {{"type", "integer"}}), properties(250, 7, {{"type", "integer"}})}}},
      properties(9, 4, {{"type", "string"}, {"maxLength", 2000}}),
      properties(9, 4, {{"type", "array"}, {"items", {{"type", "integer"}}}, {"minItems", 1}, {"maxItems", 2000}}),
      {{"$defs", defs}, {"$ref", "#/$defs/d0"}},
      {{"type", "string"}, {"pattern", "^" + groups + "$"}},
      {{"type", "string"}, {"pattern", "^((ab?){1,30}-){1,20}$"}},
      {{"enum", json::array({std::string(60000, 'x')})}},
      {{"type", "object"},
       {"additionalProperties", true},
       {"properties", properties(256, 100, json::object())["properties"]}},
  };
  for (size_t i = 0; i < std::size(rows); ++i) {
    json more = with_schema(rows[i]);
    more["max_tokens"] = 2;
    const auto start = std::chrono::steady_clock::now();
    const json got = ask(demo(), kChatCompletionsPath, chat("x", more));
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_EQ(got["status"], 200) << i << ": " << got["body"];
    EXPECT_LT(took, 60) << i;
    RecordProperty("seconds" + std::to_string(i), std::to_string(took));
    std::printf("           schema %zu: %.1f s\n", i, took);
  }
}

}  // namespace
}  // namespace openpcc::engine
