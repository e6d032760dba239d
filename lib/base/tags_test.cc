#include "base/tags.h"

#include <gtest/gtest.h>

namespace openpcc {
namespace {

TEST(Tags, MatchBySubset) {
  const Tags node = *Tags::from({"llm", "model=a", "model=b:1"});
  EXPECT_TRUE(node.contains_all({}));
  EXPECT_TRUE(node.contains_all(*Tags::from({"llm", "model=a"})));
  EXPECT_FALSE(node.contains_all(*Tags::from({"model"})));
  EXPECT_FALSE(node.contains_all(*Tags::from({"llm", "other"})));
}

TEST(Tags, ValuesOfAKey) {
  const Tags tags = *Tags::from({"model=b", "model=a=c", "models=x", "model", "llm"});
  EXPECT_EQ(tags.values_of("model"), (std::vector<std::string>{"a=c", "b"}));
}

TEST(Tags, CommaListIsTrimmed) {
  EXPECT_EQ(*Tags::from_comma_list(" llm , ,model=a,llm,"), *Tags::from({"llm", "model=a"}));
  EXPECT_TRUE(Tags::from_comma_list(" , ")->empty());
}

TEST(Tags, RefusesOverlongOnes) {
  EXPECT_TRUE(Tags::from({std::string(512, 'x')}));
  EXPECT_EQ(Tags::from({std::string(513, 'x')}).error().code, kBadTag);
}

}  // namespace
}  // namespace openpcc
