#include "process/message.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "process/unix_socket.h"

namespace openpcc::process {
namespace {

using namespace std::chrono_literals;

struct Pair {
  UniqueFd left, right;
  Pair() {
    auto ends = socket_pair();
    left = std::move(ends->first);
    right = std::move(ends->second);
  }
};

size_t open_descriptors() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

TEST(Message, ArrivesWhole) {
  Pair pair;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{70'000}, size_t{2'000'000}}) {
    SCOPED_TRACE(size);
    const Bytes sent(size, 0x5a);
    std::thread writer([&] { EXPECT_TRUE(send_message(pair.left.get(), sent, within(5s)).has_value()); });
    const auto got = receive_message(pair.right.get(), size, within(5s));
    writer.join();
    ASSERT_TRUE(got.has_value()) << got.error().message;
    EXPECT_EQ(got->body, sent);
    EXPECT_FALSE(got->fd);
  }
}

TEST(Message, ByteByByte) {
  Pair pair;
  const Bytes wire = {0, 0, 0, 3, 'a', 'b', 'c'};
  std::thread writer([&] {
    for (const uint8_t byte : wire) {
      EXPECT_TRUE(send_all(pair.left.get(), {&byte, 1}, within(5s)).has_value());
      std::this_thread::sleep_for(1ms);
    }
  });
  const auto got = receive_message(pair.right.get(), 3, within(5s));
  writer.join();
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(as_text(got->body), "abc");
}

TEST(Message, CutAtEveryLengthIsAnError) {
  const Bytes wire = {0, 0, 0, 3, 'a', 'b', 'c'};
  for (size_t length = 0; length < wire.size(); ++length) {
    SCOPED_TRACE(length);
    Pair pair;
    ASSERT_TRUE(send_all(pair.left.get(), ByteView(wire).first(length), within(1s)).has_value());
    pair.left.reset();
    const auto got = receive_message(pair.right.get(), 3, within(1s));
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, length == 0 ? kPeerClosed : kBadMessage);
  }
}

TEST(Message, OverTheCapIsRefusedBeforeItsBodyComes) {
  Pair pair;
  const Bytes wire = {0xff, 0xff, 0xff, 0xff};
  ASSERT_TRUE(send_all(pair.left.get(), wire, within(1s)).has_value());
  const auto got = receive_message(pair.right.get(), 1 << 20, within(1s));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, kBadMessage);
}

TEST(Message, DeadlinesHoldBothWays) {
  Pair pair;
  const auto nothing = receive_message(pair.right.get(), 10, within(20ms));
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().code, kTimeout);
  const auto full = send_message(pair.left.get(), Bytes(10'000'000), within(20ms));
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, kTimeout);
}

TEST(Message, SendingToAClosedPeerIsAnErrorNotASignal) {
  Pair pair;
  pair.right.reset();
  const auto sent = send_message(pair.left.get(), as_bytes("x"), within(1s));
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().code, kPeerClosed);
}

TEST(Message, CarriesOneDescriptor) {
  Pair pair, carried;
  ASSERT_TRUE(send_message(pair.left.get(), as_bytes("take this"), within(1s), carried.right.get()).has_value());
  carried.right.reset();
  auto got = receive_message(pair.right.get(), 100, within(1s));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  ASSERT_TRUE(static_cast<bool>(got->fd));
  EXPECT_NE(::fcntl(got->fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_TRUE(send_message(carried.left.get(), as_bytes("through it"), within(1s)).has_value());
  EXPECT_EQ(as_text(receive_message(got->fd.get(), 100, within(1s))->body), "through it");
}

Status send_descriptors(int fd, ByteView bytes, size_t count) {
  iovec part{const_cast<uint8_t*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(int) * 16)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  cmsghdr* entry = CMSG_FIRSTHDR(&message);
  entry->cmsg_level = SOL_SOCKET;
  entry->cmsg_type = SCM_RIGHTS;
  entry->cmsg_len = CMSG_LEN(sizeof(int) * count);
  for (size_t i = 0; i < count; ++i) {
    const int standard_input = 0;
    std::memcpy(CMSG_DATA(entry) + i * sizeof(int), &standard_input, sizeof(int));
  }
  if (::sendmsg(fd, &message, 0) < 0) return system_failure("sendmsg");
  return {};
}

TEST(Message, SurplusDescriptorsAreRefusedAndClosed) {
  const size_t before = open_descriptors();
  for (const size_t count : {size_t{2}, size_t{8}, size_t{16}}) {
    SCOPED_TRACE(count);
    Pair pair;
    const Bytes wire = {0, 0, 0, 1, 'x'};
    ASSERT_TRUE(send_descriptors(pair.left.get(), wire, count).has_value());
    const auto got = receive_message(pair.right.get(), 10, within(1s));
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code, kBadMessage);
  }
  {
    Pair pair;
    const Bytes count = {0, 0, 0, 1}, body = {'x'};
    ASSERT_TRUE(send_all(pair.left.get(), count, within(1s)).has_value());
    ASSERT_TRUE(send_descriptors(pair.left.get(), body, 1).has_value());
    const auto late = receive_message(pair.right.get(), 10, within(1s));
    ASSERT_FALSE(late.has_value());
    EXPECT_EQ(late.error().code, kBadMessage);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(IncomingMessages, GoOnWithWhatIsNotWholeYetAndKeepDescriptorsWithTheirMessage) {
  Pair pair;
  IncomingMessages incoming(3);
  EXPECT_FALSE(incoming.next(pair.right.get()).value()) << "nothing is there, and it does not wait";
  for (const uint8_t byte : Bytes{0, 0, 0, 3, 'a', 'b'}) {
    ASSERT_TRUE(send_all(pair.left.get(), {&byte, 1}, within(1s)));
    EXPECT_FALSE(incoming.next(pair.right.get()).value());
  }
  ASSERT_TRUE(send_all(pair.left.get(), as_bytes("c"), within(1s)));
  ASSERT_TRUE(send_message(pair.left.get(), as_bytes("fd"), within(1s), STDIN_FILENO));
  ASSERT_TRUE(send_message(pair.left.get(), {}, within(1s)));
  const auto first = incoming.next(pair.right.get()), second = incoming.next(pair.right.get()),
             third = incoming.next(pair.right.get());
  ASSERT_TRUE(first && *first && second && *second && third && *third);
  EXPECT_EQ(as_text((*first)->body), "abc");
  EXPECT_FALSE((*first)->fd) << "it came with the second";
  EXPECT_EQ(as_text((*second)->body), "fd");
  EXPECT_TRUE((*second)->fd);
  EXPECT_TRUE((*third)->body.empty());
  EXPECT_FALSE((*third)->fd);
  ASSERT_TRUE(send_message(pair.left.get(), as_bytes("long"), within(1s)));
  const auto over = incoming.next(pair.right.get());
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, kBadMessage);
}

TEST(OutgoingMessages, WaitForRoomAndComeInOrder) {
  Pair pair;
  OutgoingMessages outgoing;
  constexpr int kCount = 2000;  // far more than a socket holds
  const auto text_of = [](int number) { return std::to_string(number) + std::string(1000, 'x'); };
  for (int i = 0; i < kCount; ++i) {
    outgoing.push(as_bytes(text_of(i)), i % 100 == 7 ? UniqueFd(::dup(STDIN_FILENO)) : UniqueFd());
  }
  EXPECT_FALSE(outgoing.flush(pair.left.get()).value());
  EXPECT_GT(outgoing.size(), 0U);
  for (int i = 0; i < kCount; ++i) {
    auto got = receive_message(pair.right.get(), 2000, Clock::now());
    if (!got) {
      ASSERT_TRUE(outgoing.flush(pair.left.get()));
      got = receive_message(pair.right.get(), 2000, within(1s));
    }
    ASSERT_TRUE(got) << i << got.error().message;
    ASSERT_EQ(as_text(got->body), text_of(i));
    ASSERT_EQ(static_cast<bool>(got->fd), i % 100 == 7);
  }
  EXPECT_TRUE(outgoing.empty());
  EXPECT_EQ(outgoing.size(), 0U);
  pair.right.reset();
  outgoing.push(as_bytes("x"));
  const auto sent = outgoing.flush(pair.left.get());
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, kPeerClosed);
}

}  // namespace
}  // namespace openpcc::process
