// The program compute_boot itself, against a real swtpm, with router_com and compute_worker played by the test.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "compute_boot/boot.h"
#include "process/message.h"
#include "process/testing.h"
#include "process/unix_socket.h"
#include "tpm/swtpm_for_testing.h"
#include "wire/evidence.h"

namespace openpcc::compute_boot {
namespace {

using process::within;
using std::chrono::seconds;

struct Outcome {
  int status = -1;
  std::string log;
  Result<evidence::List> list = fail({"test.nothing_came"}, "");
};

class ComputeBootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto swtpm = tpm::SwtpmForTesting::start();
    ASSERT_TRUE(swtpm) << swtpm.error().message;
    swtpm_.emplace(std::move(*swtpm));
    write("model.gguf", "not really a model");
  }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_.file(name), std::ios::binary) << text;
  }

  std::string config(const std::string& more = "attestation: {fake_secret: '123456'}\n") {
    return "inference_engine:\n  type: embedded\n  skip: true\n  models:\n    - {name: m, path: " +
           directory_.file("model.gguf") +
           "}\ntpm:\n  tpm_type: Simulator\n  simulator_socket: " + swtpm_->socket_path() +
           "\nevidence: {socket: " + directory_.file("router.sock") + ", max_retries: 2, retry_interval: 10ms}\n" +
           more;
  }

  // Runs the program to its end; with `listen`, as router_com takes the evidence.
  Outcome run(const std::string& config_text, bool listen = true, const std::string& flag = "--config") {
    Outcome out;
    write("boot.yaml", config_text);
    std::thread router;
    if (listen) {
      auto listener = process::listen_unix(directory_.file("router.sock"), ::geteuid());
      EXPECT_TRUE(listener) << listener.error().message;
      router = std::thread([&out, listener = std::move(*listener)] {
        auto connection = process::accept_unix(listener.get(), within(seconds(10)));
        if (!connection) return;
        const auto message = process::receive_message(connection->get(), evidence::kMaxListSize, within(seconds(10)));
        if (message) out.list = evidence::decode(message->body);
      });
    }
    const pid_t parent = ::getpid();
    const std::string log = directory_.file("log");
    const pid_t child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(99);
      if (std::freopen(log.c_str(), "w", stderr) == nullptr || ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0) ::_exit(98);
      ::execl(COMPUTE_BOOT, "compute_boot", flag.c_str(), directory_.file("boot.yaml").c_str(), nullptr);
      ::_exit(97);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    out.status = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    if (out.status != 0 && router.joinable()) {
      (void)process::connect_unix(directory_.file("router.sock"), within(seconds(1)));  // ends the wait
    }
    if (router.joinable()) router.join();
    std::stringstream text;
    text << std::ifstream(log).rdbuf();
    out.log = text.str();
    return out;
  }

  tpmwire::Digest pcr12() {
    auto tpm = tpm::Tpm::open(swtpm_->connection());
    EXPECT_TRUE(tpm);
    return tpm->read_pcrs(std::vector<uint32_t>{12})->at(12);
  }

  tpmwire::Digest expected_pcr12(std::string_view model) {
    const auto digest = *crypto::sha256(*crypto::sha256(as_bytes(model)));
    return *tpmwire::extended({}, digest);
  }

  process::TemporaryDirectory directory_;
  std::optional<tpm::SwtpmForTesting> swtpm_;
};

#if OPENPCC_DEV_ATTESTATION
TEST_F(ComputeBootTest, HandsOverTheEvidence) {
  const Outcome done = run(config());
  ASSERT_EQ(done.status, 0) << done.log;
  ASSERT_TRUE(done.list);
  ASSERT_EQ(done.list->size(), 5U);
  const auto quote = wire::decode_tpm_quote(done.list->pieces()[2].data);
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->pcrs.at(12), to_bytes(expected_pcr12("not really a model")));
  EXPECT_NE(done.log.find("proves nothing"), std::string::npos) << done.log;
  EXPECT_EQ(done.log.find("123456"), std::string::npos) << "the secret is in the log";
}

TEST_F(ComputeBootTest, RunsAgainWithoutExtendingTwice) {
  const Outcome first = run(config());
  ASSERT_EQ(first.status, 0) << first.log;
  const tpmwire::Digest pcr = pcr12();
  const Outcome second = run(config(), true, "-config");  // as the official program's flag
  ASSERT_EQ(second.status, 0) << second.log;
  EXPECT_EQ(pcr12(), pcr);
  EXPECT_NE(second.log.find("was already in PCR 12"), std::string::npos) << second.log;
  ASSERT_TRUE(first.list && second.list);
  EXPECT_EQ(first.list->pieces()[0], second.list->pieces()[0]);  // the same AK
  EXPECT_NE(first.list->pieces()[3], second.list->pieces()[3]);  // a new REK
}

TEST_F(ComputeBootTest, RefusesOtherModelsUntilTheNextStart) {
  ASSERT_EQ(run(config()).status, 0);
  write("model.gguf", "not really a modem");
  const Outcome refused = run(config());
  EXPECT_EQ(refused.status, 1);
  EXPECT_NE(refused.log.find("PCR 12 holds"), std::string::npos) << refused.log;
  EXPECT_FALSE(refused.list);
  ASSERT_TRUE(swtpm_->restart());
  const Outcome fresh = run(config());
  EXPECT_EQ(fresh.status, 0) << fresh.log;
  EXPECT_EQ(pcr12(), expected_pcr12("not really a modem"));
}

TEST_F(ComputeBootTest, FailsWithoutRouterCom) {
  const Outcome done = run(config(), false);
  EXPECT_EQ(done.status, 1);
  EXPECT_NE(done.log.find("router_com does not take the evidence"), std::string::npos) << done.log;
}

TEST_F(ComputeBootTest, WaitsForRouterCom) {
  const std::string patient = config().replace(config().find("max_retries: 2"), 14, "max_retries: 500");
  Result<evidence::List> list = fail({"test.nothing_came"}, "");
  std::thread late([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    auto listener = process::listen_unix(directory_.file("router.sock"), ::geteuid());
    auto connection = process::accept_unix(listener->get(), within(seconds(20)));
    if (!connection) return;
    const auto message = process::receive_message(connection->get(), evidence::kMaxListSize, within(seconds(10)));
    if (message) list = evidence::decode(message->body);
  });
  const Outcome done = run(patient, false);
  late.join();
  EXPECT_EQ(done.status, 0) << done.log;
  EXPECT_TRUE(list);
}

TEST_F(ComputeBootTest, FailsWithoutAWorker) {
  std::string text = config();
  text.replace(text.find("skip: true"), 10,
               "worker_socket: " + directory_.file("nobody.sock") + "\n  ready_timeout: 1s");
  const Outcome done = run(text);
  EXPECT_EQ(done.status, 1);
  EXPECT_NE(done.log.find("the worker does not answer"), std::string::npos) << done.log;
  EXPECT_FALSE(done.list);
}
#endif

TEST_F(ComputeBootTest, WithoutARootOfTrustThereIsNoEvidence) {
  const Outcome done = run(config(""));
  EXPECT_EQ(done.status, 1);
  EXPECT_NE(done.log.find("no hardware root of trust"), std::string::npos) << done.log;
  EXPECT_FALSE(done.list);
}

TEST_F(ComputeBootTest, AlteredModelFileIsRefused) {
  std::string text = config();
  text.replace(text.find("model.gguf}"), 11, "model.gguf, sha256: " + std::string(64, '0') + "}");
  const Outcome done = run(text);
  EXPECT_EQ(done.status, 1);
  EXPECT_NE(done.log.find("configured is 0000"), std::string::npos) << done.log;
  EXPECT_EQ(pcr12(), tpmwire::Digest{});
}

TEST_F(ComputeBootTest, NoTpmIsOneClearLine) {
  swtpm_->kill();
  const Outcome done = run(config());
  EXPECT_EQ(done.status, 1);
  EXPECT_NE(done.log.find("cannot connect to swtpm"), std::string::npos) << done.log;
}

TEST_F(ComputeBootTest, WrongUsageAndConfiguration) {
  EXPECT_EQ(run(config(), false, "--what").status, 2);
  const Outcome unknown = run(config() + "colour: red\n", false);
  EXPECT_EQ(unknown.status, 1);
  EXPECT_NE(unknown.log.find("colour"), std::string::npos) << unknown.log;
}

}  // namespace
}  // namespace openpcc::compute_boot
