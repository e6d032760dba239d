#include "process/unix_socket.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "process/message.h"
#include "process/testing.h"
#include "process/user.h"

namespace openpcc::process {
namespace {

using namespace std::chrono_literals;

TEST(ListenUnix, SocketIsOursAlone) {
  const TemporaryDirectory directory;
  const auto listener = listen_unix(directory.file("s"), ::geteuid());
  ASSERT_TRUE(listener.has_value()) << listener.error().message;
  struct stat info {};
  ASSERT_EQ(::lstat(directory.file("s").c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path())) ++files;
  EXPECT_EQ(files, 1U) << "a draft was left behind";
}

TEST(ListenUnix, ReplacesAStaleSocketAndNothingElse) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("s");
  {
    const auto first = listen_unix(path, ::geteuid());
    ASSERT_TRUE(first.has_value());
  }
  const auto second = listen_unix(path, ::geteuid());
  ASSERT_TRUE(second.has_value()) << second.error().message;
  const auto live = listen_unix(path, ::geteuid());
  ASSERT_FALSE(live.has_value()) << "somebody still listens there";
  EXPECT_EQ(live.error().code, kUnsafePath);

  const std::string file = directory.file("file");
  std::ofstream(file) << "mine";
  const auto over_file = listen_unix(file, ::geteuid());
  ASSERT_FALSE(over_file.has_value());
  EXPECT_EQ(over_file.error().code, kUnsafePath);
  EXPECT_TRUE(std::filesystem::is_regular_file(file));
  const std::string link = directory.file("link");
  std::filesystem::create_symlink(path, link);
  const auto over_link = listen_unix(link, ::geteuid());
  ASSERT_FALSE(over_link.has_value());
  EXPECT_EQ(over_link.error().code, kUnsafePath);
}

TEST(ListenUnix, RefusesDirectoriesOfStrangers) {
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0777), 0);
  const auto open_to_all = listen_unix(directory.file("s"), ::geteuid());
  ASSERT_FALSE(open_to_all.has_value());
  EXPECT_EQ(open_to_all.error().code, kUnsafePath);
  ASSERT_EQ(::chmod(directory.path().c_str(), 01777), 0);
  EXPECT_TRUE(listen_unix(directory.file("s"), ::geteuid()).has_value()) << "sticky, like /tmp";
  EXPECT_FALSE(listen_unix(directory.file("missing/s"), ::geteuid()).has_value());
  EXPECT_FALSE(listen_unix(directory.file(std::string(120, 'x')), ::geteuid()).has_value());
  EXPECT_FALSE(listen_unix("", ::geteuid()).has_value());
}

TEST(ListenUnix, GivesTheSocketToItsUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "skipped: giving a socket away needs root";
  const TemporaryDirectory directory;
  ASSERT_EQ(::chmod(directory.path().c_str(), 0755), 0);
  const std::string path = directory.file("s");
  const auto listener = listen_unix(path, 61234);
  ASSERT_TRUE(listener.has_value()) << listener.error().message;
  const auto connects_as = [&](uid_t uid) {
    return run_in_child([&] {
      if (!become(User{uid, static_cast<gid_t>(uid), "x"})) return 9;
      return connect_unix(path, Clock::now()).has_value() ? 0 : 1;
    });
  };
  EXPECT_EQ(connects_as(61234), 0);
  EXPECT_EQ(connects_as(61235), 1);
  const auto accepted = accept_unix(listener->get(), within(1s));
  ASSERT_TRUE(accepted.has_value());
  EXPECT_EQ(peer_of(accepted->get())->uid, 61234U);
  EXPECT_TRUE(expect_peer(accepted->get(), 61234).has_value());
  const auto wrong = expect_peer(accepted->get(), 61235);
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, kWrongPeer);
}

TEST(ConnectUnix, WaitsForAListener) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("s");
  const auto missing = connect_unix(path, within(30ms));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, kTimeout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::usleep(50'000);
    const auto listener = listen_unix(path, ::geteuid());
    if (!listener) ::_exit(1);
    const auto peer = accept_unix(listener->get(), within(5s));
    ::_exit(peer && send_message(peer->get(), as_bytes("hello"), within(5s)) ? 0 : 2);
  }
  const auto connection = connect_unix(path, within(5s));
  ASSERT_TRUE(connection.has_value()) << connection.error().message;
  EXPECT_EQ(peer_of(connection->get())->pid, child);
  const auto message = receive_message(connection->get(), 5, within(5s));
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(as_text(message->body), "hello");
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(AcceptUnix, TimesOut) {
  const TemporaryDirectory directory;
  const auto listener = listen_unix(directory.file("s"), ::geteuid());
  ASSERT_TRUE(listener.has_value());
  const auto nobody = accept_unix(listener->get(), within(10ms));
  ASSERT_FALSE(nobody.has_value());
  EXPECT_EQ(nobody.error().code, kTimeout);
}

}  // namespace
}  // namespace openpcc::process
