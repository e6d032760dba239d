#include "terminal.h"

#include <gtest/gtest.h>

namespace openpcc::cli {
namespace {

TEST(Terminal, NothingFromOutsideCommandsIt) {
  EXPECT_EQ(printable("a\x1b[2Jb\x07\r\n\tc\x7f"), "a?[2Jb??  c?");
  EXPECT_EQ(TerminalFilter().filter("a\x1b]0;title\x07\n\tb"), "a?]0;title?\n\tb");
  EXPECT_EQ(printable("\u00e9 \u2713 \U0001f642"), "\u00e9 \u2713 \U0001f642");
  // U+009B is the control sequence introducer in one character: C2 9B.
  EXPECT_EQ(printable("\u009b2J"), "\u00802J");
  EXPECT_EQ(printable("\u00a9"), "\u00a9");
}

TEST(Terminal, AControlCharacterCutInTwoIsSeen) {
  TerminalFilter filter;
  EXPECT_EQ(filter.filter("\xc2"), "\xc2");
  EXPECT_EQ(filter.filter("\x9b"), "\x80");
  EXPECT_EQ(filter.filter("\xc3"), "\xc3");
  EXPECT_EQ(filter.filter("\xa9"), "\xa9");
}

}  // namespace
}  // namespace openpcc::cli
