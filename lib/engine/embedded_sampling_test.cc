// What the parameters of a request do to the answers of real models, beside the bare library.
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

TEST(Sampling, FitsAnswersToASchema) {
  const json schema = {
      {"type", "object"},
      {"properties",
       {{"city", {{"type", "string"}, {"maxLength", 20}}}, {"population", {{"type", "integer"}, {"maximum", 99}}}}},
      {"required", {"city", "population"}},
      {"additionalProperties", false}};
  const json got =
      ask(demo(), kChatCompletionsPath,
          chat("Tell me about Paris.",
               {{"max_tokens", 100},
                {"response_format", {{"type", "json_schema"}, {"json_schema", {{"name", "c"}, {"schema", schema}}}}}}));
  ASSERT_EQ(got["status"], 200) << got;
  const json answer = json::parse(content_of(got), nullptr, false);
  ASSERT_TRUE(answer.is_object()) << content_of(got);
  EXPECT_TRUE(answer["city"].is_string());
  EXPECT_TRUE(answer["population"].is_number_integer());
  const json bad = ask(
      demo(), kChatCompletionsPath,
      chat("x",
           {{"response_format", {{"type", "json_schema"}, {"json_schema", {{"schema", {{"$ref", "#/nowhere"}}}}}}}}));
  EXPECT_EQ(bad["status"], 400) << bad;
}

}  // namespace
}  // namespace openpcc::engine
