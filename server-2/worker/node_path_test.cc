// The real parent with real children, against a broker with a software key: what isolation between requests is made of.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

#include "base/sanitizers.h"
#include "broker/protocol.h"
#include "process/harden.h"
#include "process/testing.h"
#include "worker/child_testing.h"
#include "worker/parent.h"

namespace openpcc::worker {
namespace {

using namespace std::chrono_literals;
using process::UniqueFd;
using process::within;

// What a defect does; raise() would be a system call that the sandbox forbids.
void fault() {
  static volatile uintptr_t nowhere = 0;
  *reinterpret_cast<volatile int*>(nowhere) = 1;
}

// Says the pid of its process; "wait": then does nothing for long; "crash".
Result<std::optional<engine::Usage>> tell_pid(const engine::Request& request, engine::ResponseSink& sink) {
  const std::string_view body = as_text(request.body);
  if (body.find("crash") != std::string_view::npos) fault();
  if (body.find("forbidden") != std::string_view::npos) (void)::socket(AF_INET, SOCK_STREAM, 0);
  if (body.find("memory") != std::string_view::npos) std::vector<char>(size_t{3} << 30, 'x').resize(1);
  OPENPCC_TRY_STATUS(sink.head(200, {}, std::nullopt));
  OPENPCC_TRY_STATUS(sink.content(as_bytes(std::to_string(::getpid()))));
  if (body.find("wait") != std::string_view::npos) ::sleep(20);
  return engine::Usage{.input_tokens = 1, .output_tokens = 1};
}

// Serves offered pairs in a process of its own, as tpm_broker does.
pid_t start_broker(const std::string& path) {
  auto listener = process::listen_unix(path, ::geteuid());
  (void)test_rek();  // made before the fork: both sides have the same
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  const auto control = process::accept_unix(listener->get(), within(10s));
  while (control) {
    const auto pair = broker::receive_pair(control->get(), within(60s));
    if (!pair) ::_exit(0);
    answer_as_broker(pair->get());
  }
  ::_exit(1);
}

// Without root the other two are missing.
std::set<sandbox::Layer> unavailable() {
  if (::geteuid() == 0) return {};
  return {sandbox::Layer::kUser, sandbox::Layer::kNetwork};
}

class NodePath : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = directory_.file("w"), broker_path = directory_.file("b");
    broker_ = start_broker(broker_path);
    auto listener = process::listen_unix(path, ::geteuid());
    parent_ = ::fork();
    if (parent_ == 0) {
      const int keep[] = {listener->get()};
      if (!process::close_all_but(keep)) ::_exit(2);
      LambdaEngine engine(tell_pid);
      const ChildOptions child{
          .models = {"m"}, .badge_key = {}, .engine = &engine, .noop = &engine, .ask_broker = [](int fd, ByteView enc) {
            return broker::zgen_over(fd, enc);
          }};
      const BrokerLink link{
          .connect = [&] { return process::connect_unix(broker_path, process::Clock::now()); },
          .offer_pair = [](int control, int end) { return broker::offer_pair(control, end, within(1s)); }};
      if (::geteuid() == 0 && !process::isolate_network().value_or(false)) ::_exit(2);
      const auto sandbox = sandbox::Sandbox::create({.without = unavailable(), .memory_bytes = uint64_t{1} << 30});
      if (!sandbox) ::_exit(2);
      auto parent = Parent::create(
          std::move(*listener), *sandbox, {.router_com_uid = ::geteuid(), .children = {.first_uid = 59300}},
          [&](ChildEnds ends) { return serve_one_request(child, std::move(ends)); }, link);
      ::_exit(parent && parent->run() ? 0 : 1);
    }
    control_ = std::move(process::connect_unix(path, within(5s)).value());
  }
  void TearDown() override {
    for (const pid_t pid : {parent_, broker_}) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
    }
  }
  ControlMessage next(UniqueFd* fd = nullptr) {
    auto message = process::receive_message(control_.get(), kMaxControlMessage, within(10s));
    EXPECT_TRUE(message.has_value());
    if (fd != nullptr) *fd = std::move(message->fd);
    return parse_control(message->body).value();
  }
  UniqueFd start_child(uint64_t& id) {
    UniqueFd fd;
    (void)process::send_message(control_.get(), encode(ControlMessage{.type = ControlType::kStart, .tag = 1}),
                                within(1s));
    const ControlMessage started = next(&fd);
    EXPECT_EQ(started.type, ControlType::kStarted);
    id = started.child;
    return fd;
  }
  // One whole request.
  Answered ask(std::string_view text) {
    const auto request = seal_for_test(chat_head(), chat_body(text, true));
    uint64_t id = 0;
    const UniqueFd router = start_child(id);
    send_request(router.get(), request);
    Answered answered;
    collect(router.get(), request, answered);
    const ControlMessage ended = next();
    EXPECT_EQ(ended.type, ControlType::kEnded);
    answered.exit = ended.ending == Ending::kExited ? ended.code : 1000 + ended.code;
    return answered;
  }

  process::TemporaryDirectory directory_;
  UniqueFd control_;
  pid_t parent_ = 0;
  pid_t broker_ = 0;
};

// Whether a process's readable memory holds these bytes.
bool holds(pid_t pid, std::string_view needle) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  std::ifstream memory("/proc/" + std::to_string(pid) + "/mem", std::ios::binary);
  EXPECT_TRUE(maps.good() && memory.good());
  for (std::string line; std::getline(maps, line);) {
    uint64_t begin = 0, end = 0;
    char dash = 0, mode = 0;
    std::istringstream parts(line);
    if (!(parts >> std::hex >> begin >> dash >> end >> mode) || mode != 'r') continue;
    if (line.ends_with("[vvar]") || line.ends_with("[vsyscall]") || end - begin > (uint64_t{1} << 30)) continue;
    std::string bytes(end - begin, '\0');
    memory.clear();
    memory.seekg(static_cast<std::streamoff>(begin));
    memory.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (bytes.find(needle) != std::string::npos) return true;
  }
  return false;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
  std::vector<pid_t> out;
  for (pid_t child = 0; file >> child;) out.push_back(child);
  return out;
}

std::string user_of(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Uid:")) return line;
  }
  return "gone";
}

// Made at run time, after the parent was forked: no copy of it is in the program.
std::string canary() {
  Bytes random(16);
  EXPECT_TRUE(system_random(random).has_value());
  return "canary" + to_hex(random);
}

TEST_F(NodePath, SealedIn_SealedOut) {
  const auto answered = ask("hello");
  EXPECT_EQ(answered.exit, 0);
  ASSERT_TRUE(answered.opened.has_value()) << answered.opened.error().message;
  EXPECT_EQ(answered.head.status, 200);
  EXPECT_TRUE(answered.footer);
  EXPECT_TRUE(answered.refund.has_value());
}

TEST_F(NodePath, NoProcessServesTwoRequests) {
  std::set<std::string> pids;
  for (int i = 0; i < 10; ++i) pids.insert(ask("hello").content);
  EXPECT_EQ(pids.size(), 10U);
  EXPECT_FALSE(pids.contains(std::to_string(parent_)));
  for (const pid_t child : children_of(parent_)) EXPECT_FALSE(pids.contains(std::to_string(child)));
}

TEST_F(NodePath, EveryLivingChildHasAUserOfItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: a change of user needs root";
  EXPECT_EQ(ask("hello").exit, 0);
  // One that was just made may not have got that far.
  std::set<std::string> users;
  const auto limit = within(5s);
  while (users.size() != 4 && process::Clock::now() < limit) {
    ::usleep(1000);
    users.clear();
    for (const pid_t child : children_of(parent_)) users.insert(user_of(child));
    users.erase(user_of(parent_));
  }
  EXPECT_EQ(users.size(), 4U);
}

TEST_F(NodePath, TheParentNeverHoldsPlaintext) {
  if (kSanitized) {
    GTEST_SKIP() << "skipped: the sanitizer's shadow memory is too large to search";
  }
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: the memory of a locked-down child is root's to read";
  const std::string secret = canary();
  const auto request = seal_for_test(chat_head(), chat_body("wait " + secret, true));
  uint64_t id = 0;
  const UniqueFd router = start_child(id);
  send_request(router.get(), request);
  Bytes first(1);
  ASSERT_TRUE(process::receive_exactly(router.get(), first, within(5s)).has_value()) << "the engine has the request";
  const auto children = children_of(parent_);
  const auto holders = std::count_if(children.begin(), children.end(), [&](pid_t pid) { return holds(pid, secret); });
  EXPECT_EQ(holders, 1) << "or this search finds nothing at all";
  EXPECT_FALSE(holds(parent_, secret));
  EXPECT_FALSE(holds(broker_, secret));
  (void)process::send_message(control_.get(), encode(ControlMessage{.type = ControlType::kStop, .child = id}),
                              within(1s));
  EXPECT_EQ(next().type, ControlType::kEnded);
  EXPECT_FALSE(holds(parent_, secret)) << "also not when the child is gone";
  EXPECT_EQ(ask("the next request").exit, 0);
}

TEST_F(NodePath, AStoppedRequestIsGoneWithin100Milliseconds) {
  const auto request = seal_for_test(chat_head(), chat_body("wait", true));
  uint64_t id = 0;
  const UniqueFd router = start_child(id);
  send_request(router.get(), request);
  Bytes first(1);
  ASSERT_TRUE(process::receive_exactly(router.get(), first, within(5s)).has_value());
  const auto stopped = process::Clock::now();
  (void)process::send_message(control_.get(), encode(ControlMessage{.type = ControlType::kStop, .child = id}),
                              within(1s));
  EXPECT_EQ(next().type, ControlType::kEnded);
  EXPECT_LT(process::Clock::now() - stopped, 100ms);
}

TEST_F(NodePath, ACrashTakesOneRequestAlone) {
  const auto crashed = ask("crash");
  // A sanitizer makes an exit of it.
  EXPECT_TRUE(crashed.exit == 1000 + SIGSEGV || (kSanitized && crashed.exit != 0));
  EXPECT_FALSE(crashed.header.has_value());
  EXPECT_EQ(ask("hello").exit, 0);
}

TEST_F(NodePath, AForbiddenCallEndsOneRequestAlone) {
  EXPECT_EQ(ask("forbidden").exit, 1000 + SIGSYS);
  EXPECT_EQ(ask("hello").exit, 0);
}

TEST_F(NodePath, SoDoesTheWantOfMemory) {
  if (kSanitized) GTEST_SKIP() << "skipped: built with a sanitizer, the limit on memory is off";
  const auto hungry = ask("memory");
  EXPECT_EQ(hungry.exit, kExitNoMemory);
  EXPECT_FALSE(hungry.header.has_value());
  EXPECT_EQ(ask("hello").exit, 0);
}

// Siblings begin with the same memory, and must not go on alike.
TEST(Forked, ResponseNoncesOfSiblingsDiffer) {
  // A sanitizer makes each fork ten times as slow.
  const size_t children = kSanitized ? 1'000 : 10'000;
  constexpr size_t kSize = sealed::kResponseNonceSize;
  void* const memory = ::mmap(nullptr, children * kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* const nonces = static_cast<uint8_t*>(memory);
  const Bytes enc(sealed::kEncSize, 4);
  const auto exporter = [](ByteView, size_t length) -> Result<SecretBytes> { return SecretBytes(length); };
  // The parent has used every generator before, as after its warm-up.
  Bytes sealed;
  ASSERT_TRUE(sealed::ResponseSealer::create(sealed::Mode::kChunked, enc, exporter)->finish(sealed));
  for (size_t i = 0; i < children; ++i) {
    const int code = process::run_in_child([&] {
      Bytes out;
      auto sealer = sealed::ResponseSealer::create(sealed::Mode::kChunked, enc, exporter);
      if (!sealer || !sealer->finish(out)) return 1;
      std::copy_n(out.begin(), kSize, nonces + i * kSize);
      return 0;
    });
    ASSERT_EQ(code, 0);
  }
  std::set<std::string> different;
  for (size_t i = 0; i < children; ++i) different.insert(to_hex({nonces + i * kSize, kSize}));
  EXPECT_EQ(different.size(), children);
  ::munmap(memory, children * kSize);
}

}  // namespace
}  // namespace openpcc::worker
