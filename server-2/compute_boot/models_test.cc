#include "compute_boot/models.h"

#include <gtest/gtest.h>

#include <fstream>

#include "process/testing.h"

namespace openpcc::compute_boot {
namespace {

class ModelsTest : public ::testing::Test {
 protected:
  Model file(const std::string& name, const std::string& content) {
    const std::string path = directory_.file(name);
    std::ofstream(path, std::ios::binary) << content;
    return {.name = name, .path = path, .sha256 = {}};
  }
  process::TemporaryDirectory directory_;
};

std::string digest_of(std::vector<Model> models) {
  const auto digest = models_digest(std::move(models));
  return digest ? to_hex(*digest) : digest.error().message;
}

TEST_F(ModelsTest, OneFile) {
  // printf abc | sha256sum | xxd -r -p | sha256sum
  EXPECT_EQ(digest_of({file("m", "abc")}), "4f8b42c22dd3729b519ba6f68d2da7cc5b2d606d05daed5ad5128cc03e6c6358");
}

TEST_F(ModelsTest, OrderIsThatOfTheNames) {
  const Model a = file("a", "one");
  const Model b = file("b", "two");
  const std::string expected =
      to_hex(*crypto::sha256(concat({*crypto::sha256(as_bytes("one")), *crypto::sha256(as_bytes("two"))})));
  EXPECT_EQ(digest_of({a, b}), expected);
  EXPECT_EQ(digest_of({b, a}), expected);
  EXPECT_NE(digest_of({a}), expected);
}

TEST_F(ModelsTest, OneByteMatters) {
  std::string large(3 << 20, 'x');
  const std::string before = digest_of({file("m", large)});
  large[2 << 20] = 'y';
  EXPECT_NE(digest_of({file("m", large)}), before);
}

TEST_F(ModelsTest, NameOrConfiguredDigestStandsForAFileThatIsNotOurs) {
  EXPECT_EQ(digest_of({{.name = "llama", .path = {}, .sha256 = {}}}),
            to_hex(*crypto::sha256(*crypto::sha256(as_bytes("llama")))));
  const auto digest = *crypto::sha256(as_bytes("weights"));
  EXPECT_EQ(digest_of({{.name = "llama", .path = {}, .sha256 = digest}}), to_hex(*crypto::sha256(digest)));
}

TEST_F(ModelsTest, ConfiguredDigestIsCompared) {
  Model model = file("m", "abc");
  model.sha256 = *crypto::sha256(as_bytes("abc"));
  EXPECT_TRUE(models_digest({model}));
  model.sha256 = *crypto::sha256(as_bytes("abd"));
  EXPECT_EQ(models_digest({model}).error().code, kOtherModel);
}

TEST_F(ModelsTest, Refusals) {
  EXPECT_EQ(models_digest({}).error().code, kNoModels);
  EXPECT_EQ(models_digest({file("a", "1"), file("a", "2")}).error().code, kNoModels);
  EXPECT_EQ(models_digest({{.name = "m", .path = directory_.file("absent"), .sha256 = {}}}).error().code, kUnreadable);
  EXPECT_EQ(models_digest({{.name = "m", .path = directory_.path(), .sha256 = {}}}).error().code, kUnreadable);
  EXPECT_EQ(models_digest({{.name = "m", .path = "/dev/zero", .sha256 = {}}}).error().code, kUnreadable);
}

}  // namespace
}  // namespace openpcc::compute_boot
