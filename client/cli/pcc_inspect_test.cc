// `pcc inspect` as a process: exit codes, input in every way, and what goes to which stream.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "pcc_process_for_testing.h"
#include "wire/currency.h"
#include "wire/router.h"

namespace openpcc::sdk {
namespace {

using Json = nlohmann::json;

class PccInspect : public testing::Test {
 protected:
  static void SetUpTestSuite() { std::signal(SIGPIPE, SIG_IGN); }
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("pcc_inspect_test." + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string file(std::string_view content) const {
    const auto path = folder_ / "object";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  [[nodiscard]] Done inspect(std::vector<std::string> arguments, const std::string& input = "") const {
    arguments.insert(arguments.begin(), "inspect");
    return pcc_.run(std::move(arguments), input);
  }

  static std::string currency() { return std::string(as_text(wire::encode(*wire::Currency::from_amount(1024)))); }
  static std::string error_body(std::string text) {
    return std::string(as_text(wire::encode(wire::ErrorBody{std::move(text)})));
  }

  std::filesystem::path folder_;
  Pcc pcc_{"http://127.0.0.1:1"};  // there is no router, and none is needed
};

TEST_F(PccInspect, ReadsFilesAndStandardInputRawBase64AndHex) {
  const std::string bytes = currency();
  for (const std::string& input : {bytes, to_base64(as_bytes(bytes)) + "\n", to_hex(as_bytes(bytes))}) {
    for (const bool from_file : {true, false}) {
      const auto done = from_file ? inspect({file(input)}) : inspect({"-"}, input);
      EXPECT_EQ(done.code, 0) << done.err;
      EXPECT_TRUE(done.out.starts_with("taken for currency")) << done.out;
      EXPECT_NE(done.out.find("amount: 1024\n"), std::string::npos) << done.out;
      EXPECT_TRUE(done.out.ends_with("well-formed\n"));
      EXPECT_EQ(done.err, "");
    }
  }
}

TEST_F(PccInspect, JsonIsOneLineWithTheObject) {
  const auto done = inspect({"--json", "--as", "currency", "-"}, to_base64(as_bytes(currency())));
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out.find('\n'), done.out.size() - 1);
  EXPECT_EQ(Json::parse(done.out), Json::parse(R"({"kind":"currency","guessed":false,"encoding":"base64","size":4,
      "well_formed":true,"problems":[],"object":{"currency":"0070","amount":1024}})"));
}

TEST_F(PccInspect, ABadObjectIsShownWithByteAndRule) {
  const auto done = inspect({"--as", "currency", "-"}, "0a020400");
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.out.find("currency: 0400"), std::string::npos) << done.out;
  EXPECT_EQ(done.out.find("well-formed"), std::string::npos);
  EXPECT_TRUE(done.err.starts_with("pcc: byte 2: currency: an amount has 2 bytes")) << done.err;
  const auto json = Json::parse(inspect({"--json", "--as", "currency", "-"}, "0a020400").out);
  EXPECT_EQ(json["well_formed"], false);
  EXPECT_EQ(json["problems"][0]["byte"], 2);
  EXPECT_EQ(json["problems"][0]["part"], "currency");
}

TEST_F(PccInspect, ContentsCountUnlessShallow) {
  const auto id = *UuidV7::parse("0197d3a1-7c1e-7abc-8def-0123456789ab");
  const Bytes bytes = *wire::encode(wire::ComputeRequestInfo{{{id, Bytes(120)}}});
  const std::string text = to_base64(bytes);
  const auto deep = inspect({"-"}, text);
  EXPECT_EQ(deep.code, 1);
  EXPECT_TRUE(deep.err.starts_with("pcc: byte 44: candidates[0].encapsulated_key.kem_id: ")) << deep.err;
  EXPECT_EQ(inspect({"-", "--shallow"}, text).code, 0);
}

TEST_F(PccInspect, SaysWhatItCannotTell) {
  // Nothing but unknown fields, and nothing at all.
  for (const std::string input : {"hello, world", ""}) {
    const auto done = inspect({"-"}, input);
    EXPECT_EQ(done.code, 1);
    EXPECT_EQ(done.out, "");
    EXPECT_NE(done.err.find("--as"), std::string::npos) << done.err;
    EXPECT_EQ(Json::parse(inspect({"-", "--json"}, input).out)["kind"], nullptr);
  }
  // Two nonces may be in front of these chunks: 12 bytes, or 16 of which four look like the end of one.
  const std::string chunks = std::string(12, 'n') + '\x14' + std::string(3, 'c') + '\x10' + std::string(16, 'c') +
                             std::string(1, '\0') + std::string(16, 't');
  const auto both = inspect({"-"}, chunks);
  EXPECT_EQ(both.code, 2) << both.out;
  EXPECT_NE(both.err.find("chunked-sealed-request, chunked-sealed-response"), std::string::npos) << both.err;
  EXPECT_EQ(Json::parse(inspect({"-", "--json"}, chunks).out)["fitting"].size(), 2U);
}

TEST_F(PccInspect, WrongUsageAndWhatCannotBeRead) {
  EXPECT_EQ(inspect({}).code, 2);
  EXPECT_EQ(inspect({"--as", "manifest", "-"}).code, 2);
  EXPECT_NE(inspect({"--as", "manifest", "-"}).err.find("manifests"), std::string::npos);
  EXPECT_EQ(inspect({"--encoding", "rot13", "-"}).code, 2);
  EXPECT_EQ(inspect({folder_ / "absent"}).code, 1);
  EXPECT_EQ(inspect({folder_}).code, 1);
  const auto bad_text = inspect({"--encoding", "hex", "--as", "currency", "-"}, "0a0g");
  EXPECT_EQ(bad_text.code, 1);
  EXPECT_NE(bad_text.err.find("character 3"), std::string::npos) << bad_text.err;
  const auto large = file("");
  std::filesystem::resize_file(large, (uintmax_t{64} << 20) + 1);
  EXPECT_EQ(inspect({"--as", "bhttp", large}).code, 1);
  EXPECT_NE(inspect({"--as", "bhttp", large}).err.find("64 MiB"), std::string::npos);
  EXPECT_NE(inspect({"--help"}).out.find("encapsulated-key"), std::string::npos);
}

TEST_F(PccInspect, NothingFromTheWireCommandsATerminal) {
  const std::string bytes = error_body("a\033[2Jb\u009b");
  for (const bool json : {false, true}) {
    const auto done = inspect(json ? std::vector<std::string>{"--as", "error-body", "-", "--json"}
                                   : std::vector<std::string>{"--as", "error-body", "-"},
                              bytes);
    EXPECT_EQ(done.code, 0);
    EXPECT_EQ((done.out + done.err).find('\033'), std::string::npos);
    EXPECT_EQ((done.out + done.err).find('\x9b'), std::string::npos);
  }
}

}  // namespace
}  // namespace openpcc::sdk
