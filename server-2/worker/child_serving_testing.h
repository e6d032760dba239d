// child_serving_testing.h - for tests: one request in a real child process, with everything around it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "broker/protocol.h"
#include "process/testing.h"
#include "worker/child_testing.h"

namespace openpcc::worker {

using BrokerPart = std::function<void(int)>;

inline Result<std::optional<engine::Usage>> say_hello(const engine::Request& request, engine::ResponseSink& sink) {
  const bool stream = as_text(request.body).find("\"stream\":true") != std::string_view::npos;
  const std::string text = "hello from the engine";
  OPENPCC_TRY_STATUS(
      sink.head(200, {{"content-type", "text/plain"}}, stream ? std::nullopt : std::optional<uint64_t>(text.size())));
  for (const char c : text) OPENPCC_TRY_STATUS(sink.content(as_bytes(std::string_view(&c, 1))));
  return engine::Usage{.input_tokens = 2, .output_tokens = 3};
}

// Runs a real child process on the request.
inline Answered serve(const SealedForTest& request, LambdaEngine::Handle handle = say_hello, Bytes badge_key = {},
                      const BrokerPart& broker_part = answer_as_broker,
                      process::Clock::duration min_flush_interval = {}, bool pad_lines = false) {
  auto router = process::socket_pair(), broker = process::socket_pair();
  const pid_t child = ::fork();
  if (child == 0) {
    const int keep[] = {router->second.get(), broker->second.get()};
    if (!process::close_all_but(keep)) ::_exit(99);
    LambdaEngine engine(std::move(handle));
    const auto noop = engine::make_noop({"m"});
    const ChildOptions options{.models = {"m"},
                               .badge_key = std::move(badge_key),
                               .engine = &engine,
                               .noop = noop.get(),
                               .ask_broker = [](int fd, ByteView enc) { return broker::zgen_over(fd, enc); },
                               .receive_limit = std::chrono::seconds(5),
                               .min_flush_interval = min_flush_interval,
                               .pad_lines = pad_lines};
    ::_exit(serve_one_request(options, {std::move(router->second), std::move(broker->second), {}}));
  }
  router->second.reset();
  broker->second.reset();
  std::thread broker_thread([&] {
    broker_part(broker->first.get());
    broker->first.reset();
  });
  std::thread sender([&] { send_request(router->first.get(), request); });
  Answered answered;
  collect(router->first.get(), request, answered);
  sender.join();
  broker_thread.join();
  int status = 0;
  ::waitpid(child, &status, 0);
  answered.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  return answered;
}

inline void expect_refused(const Answered& answered, int status, std::string_view code) {
  EXPECT_EQ(answered.exit, 0);
  ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
  EXPECT_EQ(answered.head.status, status);
  EXPECT_EQ(bhttp::find(answered.head.fields, "content-type"), "application/json");
  EXPECT_EQ(answered.header->media_type, sealed::kChunkedResponseMediaType);
  EXPECT_NE(answered.content.find("{\"code\":\"" + std::string(code) + "\""), std::string::npos) << answered.content;
  EXPECT_EQ(answered.refund.value_or(wire::Currency()).amount().value_or(0), kTestCredit) << "a full refund";
}

}  // namespace openpcc::worker
