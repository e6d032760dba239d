#include "router_com/node_evidence.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "process/message.h"
#include "process/testing.h"
#include "process/unix_socket.h"
#include "process/user.h"
#include "tpmwire/public_area.h"

namespace openpcc::router_com {
namespace {

using namespace std::chrono_literals;
using process::within;

tpmwire::PublicArea key_area(uint8_t fill) {
  tpmwire::EccKey key;
  key.scheme = {tpmwire::kAlgEcdh, tpmwire::kAlgSha256};
  key.x = Bytes(32, fill);
  key.y = Bytes(32, static_cast<uint8_t>(fill + 1));
  return {.attributes = tpmwire::kFixedTpm, .auth_policy = Bytes(32, 9), .key = key};
}

wire::SignedEvidencePiece key_piece(uint8_t fill) {
  const auto area = key_area(fill);
  return {wire::EvidenceType::kTpmtPublic, tpmwire::marshal_public(area), tpmwire::object_name(area).value()};
}

wire::SignedEvidencePiece quote_piece() {
  return {wire::EvidenceType::kTpmQuote,
          wire::encode(wire::TpmQuoteAttestation{.quote = Bytes(10, 1), .pcrs = {{0, Bytes(32, 2)}}}), Bytes(4, 3)};
}

wire::SignedEvidenceList good_list() {
  return {key_piece(1), quote_piece()};
}

TEST(NodeEvidence, TakesTheLastKey) {
  const auto one = read_evidence(good_list());
  ASSERT_TRUE(one.has_value()) << one.error().message;
  Bytes expected = {4};
  expected.insert(expected.end(), 32, 1);
  expected.insert(expected.end(), 32, 2);
  EXPECT_EQ(one->rek_point, expected);
  auto list = good_list();
  list.push_back(key_piece(5));
  EXPECT_EQ(read_evidence(list)->rek_point[1], 5);
}

TEST(NodeEvidence, EachPieceIsMandatoryAndWellFormed) {
  const auto refused = [](auto change) {
    auto list = good_list();
    change(list);
    const auto read = read_evidence(list);
    return !read && read.error().code == kBadEvidence;
  };
  EXPECT_TRUE(refused([](auto& list) { list.erase(list.begin()); }));
  EXPECT_TRUE(refused([](auto& list) { list.pop_back(); }));
  EXPECT_TRUE(refused([](auto& list) { list.clear(); }));
  EXPECT_TRUE(refused([](auto& list) { list[0].data.pop_back(); }));
  EXPECT_TRUE(refused([](auto& list) { list[0].signature[5] ^= 1; })) << "the name is not the key's";
  EXPECT_TRUE(refused([](auto& list) { list[0].signature.clear(); }));
  EXPECT_TRUE(refused([](auto& list) { list[1].data.clear(); }));
  EXPECT_TRUE(refused([](auto& list) {
    list[1].data = wire::encode(wire::TpmQuoteAttestation{.quote = Bytes(10, 1), .pcrs = {}});
  })) << "no PCR values";
}

class Intake : public ::testing::Test {
 protected:
  void SetUp() override {
    listener_ = std::move(process::listen_unix(path(), ::geteuid()).value());
    auto pair = process::socket_pair();
    stop_ = std::move(pair->first);
    stopper_ = std::move(pair->second);
  }
  [[nodiscard]] std::string path() const { return directory_.file("e"); }
  Result<NodeEvidence> receive(process::Clock::duration limit = 5s, uid_t sender = ::geteuid()) {
    return receive_evidence(listener_.get(), sender, within(limit), stop_.get());
  }
  Result<NodeEvidence> receive_bytes(const Bytes& wire) {
    std::thread sender([&] {
      const auto socket = process::connect_unix(path(), within(1s));
      (void)process::send_all(socket->get(), wire, within(1s));
    });
    auto out = receive();
    sender.join();
    return out;
  }

  process::TemporaryDirectory directory_;
  process::UniqueFd listener_, stop_, stopper_;
};

TEST_F(Intake, TakesOneHandOff) {
  const Bytes wire = wire::encode_hand_off(good_list()).value();
  const auto received = receive_bytes(wire);
  ASSERT_TRUE(received.has_value()) << received.error().message;
  EXPECT_EQ(received->list, good_list());
}

TEST_F(Intake, RefusesWhatIsCutOversizedOrNoList) {
  const Bytes wire = wire::encode_hand_off(good_list()).value();
  for (const size_t length : {size_t{0}, size_t{3}, size_t{4}, wire.size() - 1}) {
    EXPECT_FALSE(receive_bytes(to_bytes(ByteView(wire).first(length))).has_value()) << length;
  }
  EXPECT_FALSE(receive_bytes({0, 0x10, 0, 1}).has_value()) << "1 MiB and a byte";
  EXPECT_FALSE(receive_bytes({0, 0, 0, 2, 0xff, 0xff}).has_value());
}

TEST_F(Intake, EndsAtTheTimeLimitAndWhenTold) {
  const auto late = receive(20ms);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, process::kTimeout);
  stopper_.reset();
  const auto told = receive();
  ASSERT_FALSE(told.has_value());
  EXPECT_EQ(told.error().code, kCancelled);
}

TEST_F(Intake, OtherUsersAreRefusedAndDoNotCount) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: being another user needs root";
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path().c_str(), 0666), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (!process::become({61234, 61234, "x"})) ::_exit(1);
    const auto socket = process::connect_unix(path(), within(1s));
    auto list = good_list();
    list[0] = key_piece(66);
    ::_exit(process::send_all(socket->get(), wire::encode_hand_off(list).value(), within(1s)) ? 0 : 2);
  }
  ::waitpid(child, nullptr, 0);
  const auto received = receive_bytes(wire::encode_hand_off(good_list()).value());
  ASSERT_TRUE(received.has_value()) << received.error().message;
  EXPECT_EQ(received->rek_point[1], 1) << "not the stranger's key";
}

}  // namespace
}  // namespace openpcc::router_com
