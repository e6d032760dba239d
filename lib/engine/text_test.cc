// Stop strings and UTF-8, whatever pieces the text comes in.
#include <gtest/gtest.h>

#include "engine/stop_strings.h"
#include "engine/utf8.h"

namespace openpcc::engine {
namespace {

// The text cut into pieces at the bits of `cuts`.
std::vector<std::string> pieces_of(const std::string& text, uint32_t cuts) {
  std::vector<std::string> pieces(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && (cuts >> (i - 1) & 1U) != 0) {
      pieces.emplace_back();
    }
    pieces.back() += text[i];
  }
  return pieces;
}

struct Stopped {
  std::string text;
  bool stopped;
};

Stopped run_stops(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopStrings filter(stops);
  Stopped result{"", false};
  for (const std::string& piece : pieces) {
    if (filter.feed(piece, result.text)) {
      result.stopped = true;
      return result;
    }
  }
  filter.finish(result.text);
  return result;
}

struct StopCase {
  const char* name;
  std::vector<std::string> stops;
  std::string text;
  std::string want;
  bool stopped;
};

TEST(StopStrings, GiveTheSameTextHoweverItIsCut) {
  const StopCase cases[] = {
      {"none asked for", {}, "abcdef", "abcdef", false},
      {"an empty one is no stop", {""}, "abc", "abc", false},
      {"in the middle", {"END"}, "abENDcd", "ab", true},
      {"at the start", {"ab"}, "abcd", "", true},
      {"at the end", {"cd"}, "abcd", "ab", true},
      {"begun but not ended", {"ENDE"}, "abENDxyz", "abENDxyz", false},
      {"begun at the end of the text", {"xyz"}, "abcxy", "abcxy", false},
      {"begun twice", {"aab"}, "aaaabc", "aa", true},
      {"the one that ends first wins", {"bcd", "c"}, "abcdef", "ab", true},
      {"the longer of two that end together", {"cd", "bcd"}, "abcdef", "a", true},
      {"one that overlaps the beginning of another", {"xyxyz", "yxq"}, "axyxyxyzb", "axy", true},
      {"across line ends", {"\n\n"}, "one\n\ntwo", "one", true},
  };
  for (const StopCase& c : cases) {
    SCOPED_TRACE(c.name);
    for (uint32_t cuts = 0; cuts < 1U << (c.text.size() - 1); ++cuts) {
      const Stopped got = run_stops(c.stops, pieces_of(c.text, cuts));
      ASSERT_EQ(got.text, c.want) << "cuts " << cuts;
      ASSERT_EQ(got.stopped, c.stopped) << "cuts " << cuts;
    }
  }
}

TEST(StopStrings, NeverLetOutWhatTheyLaterTakeBack) {
  StopStrings filter({"<stop>"});
  std::string out;
  EXPECT_FALSE(filter.feed("hello <sto", out));
  EXPECT_EQ(out, "hello ");
  EXPECT_TRUE(filter.feed("p>more", out));
  EXPECT_EQ(out, "hello ");
}

std::string run_utf8(const std::vector<std::string>& pieces) {
  Utf8Stream stream;
  std::string out;
  for (const std::string& piece : pieces) {
    stream.feed(piece, out);
    EXPECT_TRUE(is_valid_utf8(out));
  }
  stream.finish();
  return out;
}

TEST(Utf8Stream, GivesWholeCodePointsHoweverTheyAreCut) {
  struct Case {
    const char* name;
    std::string text;
    std::string want;
  };
  const Case cases[] = {
      {"ascii", "abc", "abc"},
      {"two, three and four bytes", "\u00e9\u20ac\U0001f600!", "\u00e9\u20ac\U0001f600!"},
      {"a lone continuation byte", "a\x80z", "a\uFFFDz"},
      {"overlong slash", "\xC0\xAF", "\uFFFD\uFFFD"},
      {"a surrogate", "\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
      {"above U+10FFFF", "\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"a broken sequence, then a good one", "\xE2\x82x\xC3\xA9", "\uFFFDx\u00e9"},
      {"half a code point at the end", "ab\xF0\x9F\x98", "ab"},
      {"impossible bytes", "\xFE\xFF", "\uFFFD\uFFFD"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    for (uint32_t cuts = 0; cuts < 1U << (c.text.size() - 1); ++cuts) {
      ASSERT_EQ(run_utf8(pieces_of(c.text, cuts)), c.want) << "cuts " << cuts;
    }
  }
}

TEST(Utf8, IsValidRefusesHalves) {
  EXPECT_TRUE(is_valid_utf8(""));
  EXPECT_TRUE(is_valid_utf8("\u20ac"));
  EXPECT_FALSE(is_valid_utf8("\xE2\x82"));
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
}

}  // namespace
}  // namespace openpcc::engine
