// The program itself, as a process, against the stub router: exit codes, and what goes to which stream.
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/sanitizers.h"
#include "pcc_process_for_testing.h"
#include "stub_server.h"

namespace openpcc::sdk {
namespace {

class PccTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }
  void SetUp() override {
    pcc_.order_memory = [this] { router_.synchronize(); };
  }
  StubRouter router_;
  StubServer server_{router_};
  Pcc pcc_{server_.url()};
};

TEST_F(PccTest, AnswersOnStandardOutputAndSaysTheRestOnStandardError) {
  const auto done = pcc_.run({"ask", "hello"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "Hello, world.\n");
  EXPECT_NE(done.err.find("development"), std::string::npos);
  EXPECT_EQ(done.err.find("✓"), std::string::npos);
  EXPECT_EQ(router_.requests.at(0).body,
            R"({"model":"test:stub","messages":[{"role":"user","content":"hello"}],"stream":true,)"
            R"("stream_options":{"include_usage":true}})");
}

TEST_F(PccTest, TakesAPromptFromStandardInput) {
  EXPECT_EQ(pcc_.run({"ask", "-", "--system", "brief"}, "from here\n").code, 0);
  EXPECT_NE(
      router_.requests.at(0).body.find(R"({"role":"system","content":"brief"},{"role":"user","content":"from here"})"),
      std::string::npos);
}

TEST_F(PccTest, ShowsThePath) {
  const auto done = pcc_.run({"ask", "hello", "--show-path"});
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out, "Hello, world.\n");
  for (const char* line :
       {"node found      01890000", "  ! development: proves nothing", "  ✓ TPM quote: ", "quoted, not compared: 0, 1",
        "prompt sealed   ", "can read it", "verification    ", "first token     ", "5 read, 3 written"}) {
    EXPECT_NE(done.err.find(line), std::string::npos) << line << "\n" << done.err;
  }
  EXPECT_EQ(done.err.find("\033["), std::string::npos);  // no colours but on a terminal
}

TEST_F(PccTest, GivesOneJsonObject) {
  const auto done = pcc_.run({"ask", "hello", "--json"});
  EXPECT_EQ(done.code, 0);
  const auto json = nlohmann::json::parse(done.out);
  EXPECT_EQ(json["answer"], "Hello, world.");
  EXPECT_EQ(json["usage"]["completion_tokens"], 3);
  EXPECT_EQ(json["finish_reason"], "stop");
  EXPECT_EQ(json["node"]["id"], router_.nodes[0].id.to_string());
  EXPECT_EQ(json["node"]["verification"][1]["outcome"], "development_proves_nothing");
  EXPECT_TRUE(json["times"]["total_ms"].is_number());
}

TEST_F(PccTest, WrongUsageIsTwo) {
  const std::vector<std::vector<std::string>> kWrong = {
      {},
      {"ask"},
      {"ask", ""},
      {"ask", " \n"},
      {"ask", "a", "b"},
      {"ask", "x", "--temperature", "warm"},
      {"ask", "x", "--max-tokens", "-1"},
      {"ask", "x", "--no-such"},
      {"ask", "x", "--expect-pcr", "12"},
      {"ask", "x", "--router", "nonsense"},
      {"frobnicate"},
      {"nodes", "--limit", "0"},
      {"ask", "\xff"},
  };
  for (const auto& arguments : kWrong) {
    const auto done = pcc_.run(arguments);
    EXPECT_EQ(done.code, 2) << testing::PrintToString(arguments) << done.out << done.err;
    EXPECT_EQ(done.out, "");
    EXPECT_NE(done.err, "");
  }
  pcc_.environment.erase("OPENPCC_MODEL");
  EXPECT_EQ(pcc_.run({"ask", "x"}).code, 2);
  EXPECT_TRUE(router_.manifest_limits.empty());
}

TEST_F(PccTest, AHugePromptIsRefusedBeforeAnythingIsSent) {
  const auto done = pcc_.run({"ask", "-"}, std::string(10'000'000, 'x'));
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.err.find("1048576"), std::string::npos);
  EXPECT_EQ(done.err.find("xxxxxxxx"), std::string::npos);
  // Small enough as text, too large as JSON.
  EXPECT_EQ(pcc_.run({"ask", "-"}, std::string(800'000, '"')).code, 2);
  EXPECT_TRUE(router_.candidate_counts.empty());
}

TEST_F(PccTest, AFailedRequestIsOne) {
  auto done = pcc_.run({"ask", "x", "--router", "http://127.0.0.1:1"});
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.err.find("127.0.0.1:1"), std::string::npos);
  router_.alter = [](StubReply& reply) { reply = error_reply(400, "failed to decapsulate encrypted request"); };
  done = pcc_.run({"ask", "x"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.out, "");
  EXPECT_NE(done.err.find("failed to decapsulate"), std::string::npos);
}

TEST_F(PccTest, ANodesRefusalIsReadable) {
  router_.answer = {
      400,
      "application/json",
      {R"({"code":"ErrUnsupportedModel","error":"Request Validation Error","message":"unsupported model: x"})"},
      true};
  auto done = pcc_.run({"ask", "x"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(done.out, "");
  EXPECT_NE(done.err.find("unsupported model: x (ErrUnsupportedModel)"), std::string::npos) << done.err;
  done = pcc_.run({"ask", "x", "--json"});
  EXPECT_EQ(done.code, 1);
  EXPECT_EQ(nlohmann::json::parse(done.out)["error"]["code"], "node.refused");
}

TEST_F(PccTest, NoVerifiedNodeIsThree) {
  auto done = pcc_.run({"ask", "x", "--model", "other"});
  EXPECT_EQ(done.code, 3);
  EXPECT_NE(done.err.find("model=other"), std::string::npos);
  EXPECT_EQ(pcc_.run({"ask", "x", "--dev-secret", "654321"}).code, 3);
  EXPECT_EQ(pcc_.run({"ask", "x", "--expect-pcr", "12=" + std::string(64, 'a')}).code, 3);
  EXPECT_EQ(
      pcc_.run({"ask", "x", "--expect-pcr", "12=0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d"})
          .code,
      0);
  pcc_.environment.erase("OPENPCC_DEV_ATTESTATION");
  done = pcc_.run({"ask", "x"});
  EXPECT_EQ(done.code, 3);
  EXPECT_NE(done.err.find("--dev-attestation"), std::string::npos);
  EXPECT_EQ(pcc_.run({"ask", "x", "--dev-attestation"}).code, 0);
}

TEST_F(PccTest, ACutOrAlteredAnswerIsFourAndNeverLooksWhole) {
  const auto drop_end = [](StubReply& reply) { reply.body.resize(reply.body.size() - 17); };
  const std::pair<const char*, std::function<void(StubReply&)>> kFaults[] = {
      {"the final frame missing", drop_end},
      {"the last byte altered", [](StubReply& reply) { reply.body.back() ^= 1; }},
      {"the connection dropped", [](StubReply& reply) { reply.cut_after = reply.body.size() - 20; }},
  };
  for (const auto& [name, fault] : kFaults) {
    SCOPED_TRACE(name);
    router_.alter = fault;
    auto done = pcc_.run({"ask", "x"});
    EXPECT_EQ(done.code, 4);
    EXPECT_NE(done.err.find("the text above is incomplete"), std::string::npos) << done.err;
    done = pcc_.run({"ask", "x", "--no-stream"});
    EXPECT_EQ(done.code, 4);
    EXPECT_EQ(done.out, "");
    done = pcc_.run({"ask", "x", "--json"});
    EXPECT_EQ(done.code, 4);
    EXPECT_EQ(done.out.find("\"answer\""), std::string::npos);
    EXPECT_EQ(done.out.find("Hello"), std::string::npos);
  }
  router_.alter = [](StubReply& reply) { reply.body.resize(15); };
  EXPECT_EQ(pcc_.run({"ask", "x"}).code, 4);
  router_.alter = [](StubReply& reply) { net::remove_field(reply.head.fields, "X-Node-ID"); };
  const auto done = pcc_.run({"ask", "x"});
  EXPECT_EQ(done.code, 4);
  EXPECT_EQ(done.out, "");
}

TEST_F(PccTest, AnAnswerThatTheEngineDidNotEndIsFourOrOne) {
  const std::string begun = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Half an\"}}]}\n\n";
  const struct {
    std::string rest;
    int code;
    const char* json_code;
  } rows[] = {
      {"", 4, "client.answer_cut"},
      {"data: {\"error\":{\"message\":\"out of memory\"}}\n\n", 1, "node.failed"},
      {"data: {\"choices\":\"" + std::string(3 << 20, 'x') + "\"}\n\n", 4, "client.answer_malformed"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.json_code);
    router_.answer = {200, "text/event-stream", {begun, row.rest}, true};
    auto done = pcc_.run({"ask", "x"});
    EXPECT_EQ(done.code, row.code);
    EXPECT_EQ(done.out, "Half an\n");
    EXPECT_NE(done.err.find("the text above is incomplete"), std::string::npos) << done.err;
    EXPECT_EQ(done.err.find("out of memory") != std::string::npos, row.code == 1) << done.err;
    done = pcc_.run({"ask", "x", "--json"});
    EXPECT_EQ(done.code, row.code);
    EXPECT_EQ(nlohmann::json::parse(done.out)["error"]["code"], row.json_code);
  }
}

TEST_F(PccTest, AnUnknownShapeIsShownAsItCame) {
  router_.answer = {200, "application/json", {R"({"candidates":[)", "1]}"}, true};
  EXPECT_EQ(pcc_.run({"ask", "x"}).out, R"({"candidates":[1]})");
  EXPECT_EQ(pcc_.run({"ask", "x", "--no-stream"}).out, R"({"candidates":[1]})");
}

TEST_F(PccTest, ListsNodes) {
  router_.nodes.push_back({StubRouter::make_id(2)});
  router_.nodes[1].faults.rek = [](tpmwire::PublicArea& area) { area.attributes |= tpmwire::kUserWithAuth; };
  auto done = pcc_.run({"nodes"});
  EXPECT_EQ(done.code, 0);
  for (const char* text :
       {"model=test:stub", "development: proves nothing", "refused", "userWithAuth", "PCR 12=0d0d"}) {
    EXPECT_NE(done.out.find(text), std::string::npos) << text << "\n" << done.out;
  }
  done = pcc_.run({"nodes", "--json"});
  const auto json = nlohmann::json::parse(done.out);
  EXPECT_EQ(json["nodes"].size(), 2U);
  EXPECT_TRUE(json["nodes"][0]["verified"]);
  EXPECT_EQ(json["nodes"][1]["refused"]["code"], "verify.rek_attributes");
  router_.nodes.erase(router_.nodes.begin());
  EXPECT_EQ(pcc_.run({"nodes"}).code, 3);
  router_.nodes.clear();
  EXPECT_EQ(pcc_.run({"nodes"}).code, 3);
}

TEST_F(PccTest, Pings) {
  EXPECT_EQ(pcc_.run({"ping"}).code, 0);
  EXPECT_EQ(pcc_.run({"ping", "--router", "http://127.0.0.1:1"}).code, 1);
}

TEST_F(PccTest, ChatKeepsTheConversation) {
  const auto done = pcc_.run({"chat", "--system", "s"}, "one\n\ntwo\n/quit\nnever\n");
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "Hello, world.\nHello, world.\n");
  ASSERT_EQ(router_.requests.size(), 2U);
  const auto body = nlohmann::json::parse(router_.requests[1].body);
  ASSERT_EQ(body["messages"].size(), 4U);
  EXPECT_EQ(body["messages"][2]["role"], "assistant");
  EXPECT_EQ(body["messages"][2]["content"], "Hello, world.");
  EXPECT_EQ(body["messages"][3]["content"], "two");
}

TEST_F(PccTest, ChatStartsOverAndEndsWithItsInput) {
  EXPECT_EQ(pcc_.run({"chat"}, "one\n/new\ntwo").code, 0);
  ASSERT_EQ(router_.requests.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(router_.requests[1].body)["messages"].size(), 1U);
}

TEST_F(PccTest, AFailedAnswerIsNoPartOfTheChat) {
  int count = 0;
  router_.alter = [&](StubReply& reply) {
    if (++count == 1) reply.body.back() ^= 1;
  };
  const auto done = pcc_.run({"chat"}, "one\ntwo\n");
  EXPECT_EQ(done.code, 4);
  ASSERT_EQ(router_.requests.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(router_.requests[1].body)["messages"].size(), 1U);
}

// A person at a terminal: pcc on the other end of a pty.
class Terminal {
 public:
  explicit Terminal(const Pcc& pcc) : pcc_(pcc) {
    std::vector<std::string> pairs = pcc.environment_pairs();
    const auto envp = Pcc::pointers_to(pairs);
    pcc_.order_memory();
    pid_ = ::forkpty(&master_, nullptr, nullptr, nullptr);
    if (pid_ == 0) {
      ::execle(OPENPCC_PCC, "pcc", "chat", nullptr, envp.data());
      ::_exit(126);
    }
  }
  ~Terminal() { ::close(master_); }
  void type(std::string_view text) { ASSERT_EQ(::write(master_, text.data(), text.size()), std::ssize(text)); }
  // Until the text has come, after what was waited for before; false after ten seconds.
  bool see(std::string_view text) {
    while (screen_.find(text, seen_) == std::string::npos) {
      pollfd polled{master_, POLLIN, 0};
      char buffer[4096];
      if (::poll(&polled, 1, 10'000) <= 0) return false;
      const auto count = ::read(master_, buffer, sizeof buffer);
      if (count <= 0) return false;
      screen_.append(buffer, static_cast<size_t>(count));
    }
    seen_ = screen_.find(text, seen_) + text.size();
    return true;
  }
  int wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pcc_.order_memory();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  [[nodiscard]] const std::string& screen() const { return screen_; }

 private:
  const Pcc& pcc_;
  int master_ = -1;
  pid_t pid_ = -1;
  std::string screen_;
  size_t seen_ = 0;
};

TEST_F(PccTest, CtrlCBetweenAnswersIsAHintAndNoEnd) {
  if (kUnderThreadSanitizer) {
    GTEST_SKIP() << "skipped: ThreadSanitizer holds a signal back while the C library waits for a line";
  }
  Terminal terminal(pcc_);
  ASSERT_TRUE(terminal.see("> ")) << terminal.screen();
  terminal.type("\x03");
  ASSERT_TRUE(terminal.see("/quit ends the chat")) << terminal.screen();
  ASSERT_TRUE(terminal.see("> "));
  terminal.type("one\n");
  ASSERT_TRUE(terminal.see("Hello, world.")) << terminal.screen();
  terminal.type("/quit\n");
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(PccTest, CtrlCStopsAnAnswerAndNotTheChat) {
  router_.answer = StubRouter::chat_answer(std::vector<std::string>(300, "word "));
  std::atomic<bool> slow = true;
  server_.before_piece = [&](size_t number) {
    if (slow && number > 5) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  Terminal terminal(pcc_);
  ASSERT_TRUE(terminal.see("> ")) << terminal.screen();
  terminal.type("one\n");
  ASSERT_TRUE(terminal.see("word word")) << terminal.screen();
  terminal.type("\x03");
  ASSERT_TRUE(terminal.see("(stopped)")) << terminal.screen();
  ASSERT_TRUE(terminal.see("> "));
  slow = false;
  terminal.type("two\n");
  ASSERT_TRUE(terminal.see("word ")) << terminal.screen();
  ASSERT_TRUE(terminal.see("> ")) << terminal.screen();
  terminal.type("/quit\n");
  EXPECT_EQ(terminal.wait(), 0);
  // What had come of the stopped answer is part of the conversation.
  const auto body = nlohmann::json::parse(router_.requests.at(1).body);
  ASSERT_EQ(body["messages"].size(), 3U);
  EXPECT_TRUE(body["messages"][1]["content"].get<std::string>().starts_with("word word"));
}

TEST_F(PccTest, ATerminalIsNotCommandedByAnAnswer) {
  router_.answer = StubRouter::chat_answer({"safe\\u001b[2Jtext"});
  Terminal terminal(pcc_);
  ASSERT_TRUE(terminal.see("> "));
  terminal.type("one\n");
  ASSERT_TRUE(terminal.see("safe?[2Jtext")) << terminal.screen();
  terminal.type("\x04");  // Ctrl-D
  EXPECT_EQ(terminal.wait(), 0);
}

TEST_F(PccTest, HelpAndVersion) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"--help"}, {"ask", "--help"}, {"--version"}}) {
    const auto done = pcc_.run(arguments);
    EXPECT_EQ(done.code, 0);
    EXPECT_NE(done.out, "");
  }
  EXPECT_NE(pcc_.run({"--help"}).out.find("pcc ask \"Why is the sky blue?\""), std::string::npos);
}

}  // namespace
}  // namespace openpcc::sdk
