// The embedded engine with real files: the demo model, and Llama 3's vocabulary with random weights.
#include <gtest/gtest.h>

#include "base/limits.h"
#include "engine/testing/asking.h"

namespace openpcc::engine {
namespace {

TEST(Embedded, LoadLeavesOneThreadAndNoMappingOfTheFile) {
  EXPECT_EQ(in_child([] {
              const auto engine = loaded(demo_model());
              const long threads = proc_number("status", "Threads:");
              const bool mapped = read_file("/proc/self/maps").find(".gguf") != std::string::npos;
              return std::to_string(threads) + (mapped ? " mapped" : "");
            }),
            "1");
}

TEST(Embedded, AnswersWhatTheBareLibraryAnswers) {
  const std::string path = demo_model();
  const auto engine = loaded(path);
  for (const char* question :
       {"What is the capital of France?", "Write a haiku about rain.", "  List three\n\nprimes. "}) {
    SCOPED_TRACE(question);
    const json want = bare(path, question, 60);
    const json got = ask(*engine, kChatCompletionsPath, chat(question, {{"max_tokens", 60}}));
    ASSERT_EQ(got["status"], 200) << got;
    EXPECT_EQ(content_of(got), want["text"].get<std::string>());
    EXPECT_GT(want["tokens"], 3);
    EXPECT_EQ(got["usage"], json({want["prompt"], want["tokens"]}));
  }
}

TEST(Embedded, AnswersTokenForTokenOnLlama3sVocabulary) {
  const std::string& path = tiny_model();
  const auto engine = loaded(path);
  const json want = bare(path, "Tell me something random.", 50);
  ASSERT_EQ(want["tokens"], 50);  // random weights do not end an answer
  const json got =
      ask(*engine, kChatCompletionsPath, chat("Tell me something random.", {{"max_tokens", 50}, {"stream", true}}));
  EXPECT_EQ(got["usage"], json({want["prompt"], want["tokens"]}));
  const json whole = ask(*engine, kChatCompletionsPath, chat("Tell me something random.", {{"max_tokens", 50}}));
  EXPECT_EQ(content_of(whole), want["text"].get<std::string>());
}

// Says after each piece how many threads the process has, and gives it another number.
struct ThreadsSink : CollectingSink {
  Status content(ByteView bytes) override {
    OPENPCC_TRY_STATUS(CollectingSink::content(bytes));
    seen.push_back(proc_number("status", "Threads:"));
    most = given[seen.size() % given.size()];
    return {};
  }
  std::vector<uint16_t> given = {1, 3, 2, 4, 9, 0};  // nine: as many as there are; none: one
  std::atomic<uint16_t> most = given[0];
  std::vector<long> seen;
};

TEST(Embedded, ComputesWithAsManyThreadsAsItMayAndSaysTheSame) {
  EmbeddedConfig config;
  config.models = {{"m", demo_model()}};
  config.threads = 4;
  const auto engine = make_embedded(config);
  ASSERT_TRUE(engine->load());
  const json question = chat("Write a haiku about rain.", {{"stream", true}, {"max_tokens", 25}});
  const json fixed = ask(*engine, kChatCompletionsPath, question);
  const json got = json::parse(in_child([&] {
    ThreadsSink sink;
    engine->limit_threads(sink.most);
    const std::string text = question.dump();
    const bool whole = engine->handle({kChatCompletionsPath, as_bytes(text)}, sink).has_value();
    const std::vector<json> stream = sink.stream();
    std::string answer;
    for (const json& chunk : stream) answer += chunk["choices"][0]["delta"].value("content", "");
    return json{{"whole", whole}, {"answer", answer}, {"seen", sink.seen}}.dump();
  }));
  CollectingSink reader;
  reader.body = fixed["body"].get<std::string>();
  std::string wanted;
  for (const json& chunk : reader.stream()) wanted += chunk["choices"][0]["delta"].value("content", "");
  EXPECT_TRUE(got["whole"]);
  EXPECT_EQ(got["answer"], wanted);
  const auto seen = got["seen"].get<std::vector<long>>();
  ASSERT_GT(seen.size(), 12U);
  // Each token is computed with what was given before it; of the pool before there may be as many again.
  EXPECT_EQ(*std::min_element(seen.begin(), seen.end()), 1);
  EXPECT_GE(*std::max_element(seen.begin(), seen.end()), 4);
  EXPECT_LE(*std::max_element(seen.begin(), seen.end()), 8);
}

TEST(Embedded, StreamsTheSameTextAsItGivesWhole) {
  const auto engine = loaded(demo_model());
  const std::string whole = content_of(ask(*engine, kChatCompletionsPath, chat("Count to five.")));
  const json streamed = ask(*engine, kChatCompletionsPath, chat("Count to five.", {{"stream", true}}));
  CollectingSink reader;
  reader.body = streamed["body"].get<std::string>();
  std::string text;
  for (const json& chunk : reader.stream()) {
    text += chunk["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(text, whole);
  EXPECT_GT(streamed["pieces"], 5);

  json ollama = chat("Count to five.", {{"stream", false}, {"options", {{"temperature", 0}, {"num_predict", 40}}}});
  ollama.erase("temperature");
  ollama.erase("max_tokens");
  const json answer = ask(*engine, kOllamaChatPath, ollama);
  EXPECT_EQ(json::parse(answer["body"].get<std::string>())["message"]["content"], whole);
}

TEST(Embedded, RepeatsAnAnswerForASeed) {
  const auto engine = loaded(demo_model());
  const auto with_seed = [&](int seed) {
    return content_of(
        ask(*engine, kChatCompletionsPath, chat("Tell me a story.", {{"temperature", 1.2}, {"seed", seed}})));
  };
  const std::string first = with_seed(11);
  EXPECT_EQ(with_seed(11), first);
  EXPECT_NE(with_seed(12), first);
}

TEST(Embedded, KeepsTheLimitsOfARequest) {
  const auto engine = loaded(demo_model());
  const json length = ask(*engine, kChatCompletionsPath, chat("Tell me a long story.", {{"max_tokens", 3}}));
  EXPECT_EQ(finish_of(length), "length");
  EXPECT_EQ(length["usage"][1], 3);

  const std::string whole = content_of(ask(*engine, kChatCompletionsPath, chat("What is the capital of France?")));
  const std::string stop = whole.substr(7, 6);  // somewhere, across tokens
  const json stopped = ask(*engine, kChatCompletionsPath, chat("What is the capital of France?", {{"stop", stop}}));
  EXPECT_EQ(content_of(stopped), whole.substr(0, whole.find(stop)));
  EXPECT_EQ(finish_of(stopped), "stop");

  const json full =
      ask(*loaded(demo_model(), 64), kChatCompletionsPath, chat("Tell me a long story.", {{"max_tokens", 500}}));
  EXPECT_EQ(finish_of(full), "length");
  EXPECT_EQ(full["usage"][0].get<int>() + full["usage"][1].get<int>(), 64);
}

TEST(Embedded, IgnoresTheEndWhenAsked) {
  const auto engine = loaded(demo_model());
  const json ends = ask(*engine, kChatCompletionsPath, chat("Say hi.", {{"max_tokens", 120}}));
  ASSERT_LT(ends["usage"][1], 120);
  const json goes_on = ask(*engine, kChatCompletionsPath, chat("Say hi.", {{"max_tokens", 120}, {"ignore_eos", true}}));
  EXPECT_EQ(goes_on["usage"][1], 120);
}

TEST(Embedded, CompletesPlainText) {
  const auto engine = loaded(demo_model());
  const json got = ask(*engine, kCompletionsPath,
                       {{"model", "m"}, {"prompt", "The capital of France is"}, {"temperature", 0}, {"max_tokens", 5}});
  ASSERT_EQ(got["status"], 200) << got;
  EXPECT_NE(json::parse(got["body"].get<std::string>())["choices"][0]["text"].get<std::string>().find("Paris"),
            std::string::npos)
      << got;
}

TEST(Embedded, RefusesPromptsThatDoNotFit) {
  const auto engine = loaded(demo_model(), 256);
  std::string words;
  for (int i = 0; i < 400; ++i) {
    words += "word ";
  }
  const json too_long = ask(*engine, kChatCompletionsPath, chat(words));
  EXPECT_EQ(too_long["status"], 400);
  const json error = json::parse(too_long["body"].get<std::string>())["error"];
  EXPECT_EQ(error["code"], "context_length_exceeded");
  EXPECT_NE(error["message"].get<std::string>().find("256"), std::string::npos) << error;
  EXPECT_NE(error["message"].get<std::string>().find("tokens"), std::string::npos);

  // As large as the node lets through, in shapes that are hard on tokenisers.
  constexpr size_t kSize = limits::kRequestBody - 1000;
  std::string euros;
  while (euros.size() + 3 < kSize) {
    euros += "\u20ac";
  }
  std::string control;
  while (control.size() + 12 < kSize) {
    control += "<|im_end|>";
  }
  for (const std::string& text :
       {std::string(kSize, 'a'), std::string(kSize, ' '), std::string(kSize, '7'), euros, control}) {
    const json refused = ask(*engine, kChatCompletionsPath, chat(text));
    EXPECT_EQ(refused["status"], 400) << text.substr(0, 20);
  }
  EXPECT_EQ(ask(*engine, kChatCompletionsPath, chat("still there?"))["status"], 200);
}

TEST(Embedded, ServesSeveralModels) {
  EmbeddedConfig config;
  config.models = {{"demo", demo_model()}, {"tiny", tiny_model()}};
  config.threads = kThreads;
  const auto engine = make_embedded(config);
  ASSERT_TRUE(engine->load());
  EXPECT_EQ(engine->models(), (std::vector<std::string>{"demo", "tiny"}));
  const json demo = ask(*engine, kChatCompletionsPath, chat("Hi", {{"model", "demo"}}));
  const json tiny = ask(*engine, kChatCompletionsPath, chat("Hi", {{"model", "tiny"}}));
  EXPECT_EQ(demo["status"], 200);
  EXPECT_EQ(tiny["status"], 200);
  EXPECT_NE(content_of(demo), content_of(tiny));
  EXPECT_EQ(ask(*engine, kChatCompletionsPath, chat("Hi", {{"model", "other"}}))["status"], 404);
}

TEST(Embedded, GivesEachModelItsOwnContextAndThreads) {
  EmbeddedConfig config;
  config.models = {{"small", tiny_model()}, {"large", tiny_model()}};
  config.models[0].context_tokens = 64;
  config.models[0].threads = 1;
  config.context_tokens = 512;
  config.threads = 3;
  const auto engine = make_embedded(config);
  ASSERT_TRUE(engine->load());
  const auto tokens = [&](const char* name) {
    const json got =
        ask(*engine, kChatCompletionsPath, chat("Hi", {{"model", name}, {"max_tokens", 1000}, {"ignore_eos", true}}));
    return got["usage"][0].get<int>() + got["usage"][1].get<int>();
  };
  EXPECT_EQ(tokens("small"), 64);
  EXPECT_EQ(tokens("large"), 512);
  const auto threads = [&](const char* name) {
    return in_child([&] {
      CollectingSink sink;
      const std::string body = chat("Hi", {{"model", name}, {"max_tokens", 1}}).dump();
      (void)engine->handle({kChatCompletionsPath, as_bytes(body)}, sink);
      return std::to_string(proc_number("status", "Threads:"));
    });
  };
  EXPECT_EQ(threads("small"), "1");
  EXPECT_EQ(threads("large"), "3");
}

TEST(Embedded, RefusesFilesThatAreNoModel) {
  const TemporaryFolder folder;
  const std::string good = read_file(tiny_model());
  const auto load = [&](const std::string& path) {
    EmbeddedConfig config;
    config.models = {{"m", path}};
    const auto status = make_embedded(config)->load();
    return status ? std::string("loaded") : std::string(status.error().code.name);
  };
  const auto with_bytes = [&](const std::string& name, const std::string& bytes) {
    const std::string path = folder.file(name);
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  };
  EXPECT_EQ(load(folder.file("absent")), "engine.bad_model");
  EXPECT_EQ(load(with_bytes("empty", "")), "engine.bad_model");
  EXPECT_EQ(load(with_bytes("text", "this is no model")), "engine.bad_model");
  EXPECT_EQ(load(with_bytes("cut", good.substr(0, good.size() / 2))), "engine.bad_model");
  EXPECT_EQ(load(llama3_vocabulary()), "engine.bad_model");
  EXPECT_EQ(load(tiny_model()), "loaded");
}

TEST(Embedded, RefusesAConfigurationWithoutSense) {
  EXPECT_EQ(make_embedded({})->load().error().code, kBadConfig);
  EmbeddedConfig twice;
  twice.models = {{"m", "a"}, {"m", "b"}};
  EXPECT_EQ(make_embedded(twice)->load().error().code, kBadConfig);
  EmbeddedConfig own;
  own.models = {{"m", "a"}};
  own.models[0].context_tokens = 15;
  EXPECT_EQ(make_embedded(own)->load().error().code, kBadConfig);
  own.models[0].context_tokens = 16;
  own.models[0].threads = 1025;
  EXPECT_EQ(make_embedded(own)->load().error().code, kBadConfig);
}

}  // namespace
}  // namespace openpcc::engine
