// The broker's loop, with a key in software in place of the TPM.
#include "broker/service.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "crypto/key_pair.h"
#include "process/message.h"
#include "process/testing.h"
#include "process/unix_socket.h"
#include "tpm/tpm.h"

namespace openpcc::broker {
namespace {

using crypto::Kem;
using crypto::KeyPair;
using process::UniqueFd;
using process::within;
using std::chrono::milliseconds;
using std::chrono::seconds;

class ServiceTest : public ::testing::Test {
 protected:
  void start(ServiceOptions options = {}) {
    options.worker_uid = ::geteuid();
    auto listener = process::listen_unix(path_, options.worker_uid);
    ASSERT_TRUE(listener) << listener.error().message;
    auto service = Service::create(std::move(*listener), options,
                                   {.zgen = [this](ByteView enc) -> Result<SecretBytes> {
                                      ++calls_;
                                      if (lost_) return fail(tpm::kLost, "gone");
                                      if (failing_) return fail(tpm::kPolicyFailed, "other PCRs");
                                      return rek_.dh(enc);
                                    },
                                    .check = [this]() -> Status {
                                      ++checks_;
                                      if (lost_) return fail(tpm::kLost, "gone");
                                      return {};
                                    },
                                    .prepare = [this]() -> Status {
                                      ++prepared_;
                                      if (lost_) return fail(tpm::kLost, "gone");
                                      if (failing_) return fail(tpm::kPolicyFailed, "other PCRs");
                                      return {};
                                    }});
    ASSERT_TRUE(service) << service.error().message;
    thread_ = std::thread([this, running = std::move(*service)]() mutable {
      result_ = running.run();
      ended_ = true;
    });
  }

  void TearDown() override {
    if (!thread_.joinable()) return;
    if (!ended_) ::kill(::getpid(), SIGTERM);
    thread_.join();
  }

  UniqueFd connect() {
    auto connection = process::connect_unix(path_, within(seconds(5)));
    EXPECT_TRUE(connection);
    return connection ? std::move(*connection) : UniqueFd();
  }

  // Our end of a pair whose other end the broker has.
  static UniqueFd offered(const UniqueFd& control) {
    auto pair = process::socket_pair();
    EXPECT_TRUE(offer_pair(control.get(), pair->second.get(), within(seconds(5))));
    return std::move(pair->first);
  }

  // True when the broker has closed the pair without an answer.
  static bool closed(const UniqueFd& pair, milliseconds patience = milliseconds(5000)) {
    std::array<uint8_t, 1> byte{};
    const auto got = process::receive_some(pair.get(), byte, within(patience));
    return got && *got == 0;
  }

  void expect_works(const UniqueFd& control) {
    const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
    const auto shared = zgen_over(offered(control).get(), ours.public_key(), within(seconds(5)));
    ASSERT_TRUE(shared) << shared.error().message;
    EXPECT_EQ(*shared, *ours.dh(rek_.public_key()));
  }

  process::TemporaryDirectory directory_;
  std::string path_ = directory_.file("broker.sock");
  KeyPair rek_ = *KeyPair::generate(Kem::kP256HkdfSha256);
  std::atomic<int> calls_ = 0;
  std::atomic<int> checks_ = 0;
  std::atomic<int> prepared_ = 0;
  std::atomic<bool> lost_ = false;
  std::atomic<bool> failing_ = false;
  std::atomic<bool> ended_ = false;
  Status result_;
  std::thread thread_;
};

TEST_F(ServiceTest, DoesOneEcdhForEachPair) {
  start();
  const UniqueFd control = connect();
  for (int i = 0; i < 20; ++i) expect_works(control);
  EXPECT_EQ(calls_, 20);
}

TEST_F(ServiceTest, PreparesTheNextEcdhOnceWhileNobodyWaits) {
  start();
  const UniqueFd control = connect();
  const auto prepared = [&](int count) {
    const auto limit = within(seconds(5));
    while (prepared_ != count && process::Clock::now() < limit) std::this_thread::sleep_for(milliseconds(1));
    std::this_thread::sleep_for(milliseconds(50));
    return prepared_ == count;
  };
  EXPECT_TRUE(prepared(1));
  expect_works(control);
  EXPECT_TRUE(prepared(2));
  failing_ = true;
  EXPECT_FALSE(zgen_over(offered(control).get(), rek_.public_key(), within(seconds(5))));
  EXPECT_TRUE(prepared(3)) << "a failure is tried no more often";
  failing_ = false;
  expect_works(control);
}

TEST_F(ServiceTest, SecondUseOfAPairGetsNothing) {
  start();
  const UniqueFd control = connect();
  const UniqueFd pair = offered(control);
  ASSERT_TRUE(zgen_over(pair.get(), rek_.public_key(), within(seconds(5))));
  const auto again = zgen_over(pair.get(), rek_.public_key(), within(seconds(5)));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, kGone);
  EXPECT_EQ(calls_, 1);
}

TEST_F(ServiceTest, MoreThanAPointIsNotAnswered) {
  start();
  const UniqueFd control = connect();
  const UniqueFd pair = offered(control);
  Bytes two = concat({rek_.public_key(), rek_.public_key()});
  ASSERT_TRUE(process::send_all(pair.get(), two, within(seconds(5))));
  std::array<uint8_t, 1> byte{};
  const auto got = process::receive_some(pair.get(), byte, within(seconds(5)));
  EXPECT_TRUE(!got || *got == 0);  // the unread rest may reset the connection
  EXPECT_EQ(calls_, 0);
  expect_works(control);
}

TEST_F(ServiceTest, FewerBytesThanAPointAreNotAnswered) {
  start();
  const UniqueFd control = connect();
  for (const size_t size : {size_t{0}, size_t{1}, size_t{64}}) {
    const UniqueFd pair = offered(control);
    ASSERT_TRUE(process::send_all(pair.get(), ByteView(rek_.public_key()).first(size), within(seconds(5))));
    ::shutdown(pair.get(), SHUT_WR);
    EXPECT_TRUE(closed(pair)) << size;
  }
  EXPECT_EQ(calls_, 0);
  expect_works(control);
}

TEST_F(ServiceTest, PointsInPiecesAreTaken) {
  start();
  const UniqueFd control = connect();
  const UniqueFd pair = offered(control);
  const KeyPair ours = *KeyPair::generate(Kem::kP256HkdfSha256);
  for (const uint8_t byte : ByteView(ours.public_key()).first(40)) {
    ASSERT_TRUE(process::send_all(pair.get(), ByteView(&byte, 1), within(seconds(5))));
  }
  expect_works(control);  // another one in between
  ASSERT_TRUE(process::send_all(pair.get(), ByteView(ours.public_key()).subspan(40), within(seconds(5))));
  SecretBytes answer(kAnswerSize);
  ASSERT_TRUE(process::receive_exactly(pair.get(), answer.mutable_view(), within(seconds(5))));
  EXPECT_EQ(answer.view()[0], static_cast<uint8_t>(Answer::kShared));
  EXPECT_EQ(SecretBytes::copy_of(answer.view().subspan(1)), *ours.dh(rek_.public_key()));
}

TEST_F(ServiceTest, BadPointsAreTheSendersFault) {
  start();
  const UniqueFd control = connect();
  Bytes off_curve = rek_.public_key();
  off_curve.back() ^= 1;
  EXPECT_EQ(zgen_over(offered(control).get(), off_curve, within(seconds(5))).error().code, kBadPoint);
  EXPECT_EQ(zgen_over(offered(control).get(), Bytes(65), within(seconds(5))).error().code, kBadPoint);
  EXPECT_EQ(zgen_over(-1, Bytes(64)).error().code, kBadPoint);
  expect_works(control);
}

TEST_F(ServiceTest, ARefusalOfTheTpmIsTheNodesFault) {
  start();
  const UniqueFd control = connect();
  failing_ = true;
  EXPECT_EQ(zgen_over(offered(control).get(), rek_.public_key(), within(seconds(5))).error().code, kTpmFailed);
  failing_ = false;
  expect_works(control);
}

TEST_F(ServiceTest, StalledPairsBlockNobodyAndAreClosed) {
  ServiceOptions options;
  options.pair_limit = milliseconds(300);
  start(options);
  const UniqueFd control = connect();
  std::vector<UniqueFd> stalled;
  for (int i = 0; i < 20; ++i) stalled.push_back(offered(control));
  ASSERT_TRUE(process::send_all(stalled[3].get(), Bytes(64, 4), within(seconds(5))));
  expect_works(control);
  for (const UniqueFd& pair : stalled) EXPECT_TRUE(closed(pair));
}

TEST_F(ServiceTest, TooManyPairsAreClosedAndTheRestServed) {
  ServiceOptions options;
  options.max_pairs = 3;
  start(options);
  const UniqueFd control = connect();
  std::vector<UniqueFd> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(offered(control));
  EXPECT_TRUE(closed(offered(control)));
  waiting.clear();
  std::this_thread::sleep_for(milliseconds(50));  // until their end was seen
  expect_works(control);
}

TEST_F(ServiceTest, OnlyOneControlConnection) {
  start();
  UniqueFd control = connect();
  expect_works(control);
  EXPECT_TRUE(closed(connect()));  // a child of the worker has its uid, and gets nothing
  expect_works(control);
  control.reset();
  control = connect();  // the worker was started again
  expect_works(control);
}

TEST_F(ServiceTest, ControlConnectionTakesNothingButOffers) {
  start();
  const std::vector<Bytes> wrong = {{}, {2}, {1}};  // the last one without a descriptor
  for (const Bytes& body : wrong) {
    const UniqueFd control = connect();
    ASSERT_TRUE(process::send_message(control.get(), body, within(seconds(5))));
    EXPECT_TRUE(closed(control));
  }
  {
    const UniqueFd control = connect();
    ASSERT_TRUE(process::send_all(control.get(), *from_hex("7fffffff"), within(seconds(5))));
    EXPECT_TRUE(closed(control));
  }
  {
    const UniqueFd control = connect();  // half a message
    ASSERT_TRUE(process::send_all(control.get(), *from_hex("0000"), within(seconds(5))));
    EXPECT_TRUE(closed(control));
  }
  expect_works(connect());
}

TEST_F(ServiceTest, ADescriptorOnAPairClosesIt) {
  start();
  const UniqueFd control = connect();
  const UniqueFd pair = offered(control);
  ASSERT_TRUE(process::send_message(pair.get(), Bytes(61, 4), within(seconds(5)), pair.get()));
  EXPECT_TRUE(closed(pair) || calls_ == 0);
  expect_works(control);
  EXPECT_EQ(calls_, 1);
}

TEST_F(ServiceTest, LostTpmEndsTheServiceWithAnError) {
  start();
  const UniqueFd control = connect();
  lost_ = true;
  EXPECT_EQ(zgen_over(offered(control).get(), rek_.public_key(), within(seconds(5))).error().code, kTpmFailed);
  thread_.join();
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().code, tpm::kLost);
}

TEST_F(ServiceTest, AnIdleTpmIsLookedAt) {
  ServiceOptions options;
  options.check_interval = milliseconds(50);
  start(options);
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_GE(checks_, 2);
  lost_ = true;
  thread_.join();
  ASSERT_FALSE(result_);
  EXPECT_EQ(result_.error().code, tpm::kLost);
}

TEST_F(ServiceTest, SigtermEndsItInPeace) {
  start();
  ::kill(::getpid(), SIGTERM);
  thread_.join();
  EXPECT_TRUE(result_);
}

}  // namespace
}  // namespace openpcc::broker
