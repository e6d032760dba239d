#include "sandbox/syscall_filter.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace openpcc::sandbox {
namespace {

// The rows of docs/sandbox.md's table under `heading`: | `call` | condition | why |
std::map<std::string, std::string> documented(const std::string& heading) {
  std::ifstream file(OPENPCC_DOCS_DIR "/sandbox.md");
  std::map<std::string, std::string> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) inside = line.find(heading) != std::string::npos;
    if (!inside || !line.starts_with("| `")) continue;
    std::istringstream cells(line);
    std::string skipped, names, condition;
    std::getline(cells, skipped, '|');
    std::getline(cells, names, '|');
    std::getline(cells, condition, '|');
    condition = condition.size() > 2 ? condition.substr(1, condition.size() - 2) : "";
    for (size_t at = names.find('`'); at != std::string::npos; at = names.find('`', at + 1)) {
      const size_t end = names.find('`', at + 1);
      rows[names.substr(at + 1, end - at - 1)] = condition;
      at = end;
    }
  }
  return rows;
}

std::map<std::string, std::string> allowed(std::span<const AllowedCall> calls) {
  std::map<std::string, std::string> out;
  for (const AllowedCall& call : calls) out[std::string(call.name)] = call.condition;
  EXPECT_EQ(out.size(), calls.size()) << "a call is listed twice";
  return out;
}

TEST(SyscallFilter, TheDocumentListsWhatIsAllowed) {
  EXPECT_EQ(documented("System calls of every child"), allowed(calls_of_every_child()));
  EXPECT_EQ(documented("System calls with the engine http"), allowed(calls_of_an_event_loop()));
}

TEST(SyscallFilter, IsMadeForBothKinds) {
  const auto plain = make_filter(false), event_loop = make_filter(true);
  ASSERT_TRUE(plain.has_value() && event_loop.has_value());
  EXPECT_GT(event_loop->size(), plain->size());
  EXPECT_EQ(plain->size() % 8, 0U);
}

TEST(SyscallFilter, NonsenseIsNotLoaded) {
  EXPECT_FALSE(load_filter(Bytes(16, 0xff)).has_value());
  EXPECT_FALSE(load_filter({}).has_value());
}

}  // namespace
}  // namespace openpcc::sandbox
