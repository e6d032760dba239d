#include "settings.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace openpcc::cli {
namespace {

const std::string kPcr(64, 'a');

class SettingsTest : public testing::Test {
 public:
  SettingsTest() : folder_(testing::TempDir() + "openpcc-settings-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_ + "/openpcc");
    environment_["XDG_CONFIG_HOME"] = folder_;
  }
  ~SettingsTest() override { std::filesystem::remove_all(folder_); }

 protected:
  void write_file(const std::string& text) { std::ofstream(folder_ + "/openpcc/client.yaml") << text; }
  Result<Settings> settings(const Flags& flags = {}) {
    return resolve(flags, [this](const std::string& name) -> std::optional<std::string> {
      const auto it = environment_.find(name);
      return it == environment_.end() ? std::nullopt : std::optional(it->second);
    });
  }

  std::string folder_;
  std::map<std::string, std::string> environment_;
};

TEST_F(SettingsTest, HasDefaults) {
  const auto s = settings();
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(s->client.router_url, "http://127.0.0.1:3600");
  EXPECT_EQ(s->client.tags, std::vector<std::string>{"llm"});
  EXPECT_EQ(s->model, "");
  EXPECT_FALSE(s->client.dev_attestation.insecure_accept);
  EXPECT_EQ(s->client.dev_attestation.secret, "123456");
  EXPECT_EQ(s->client.max_candidates, 3);
  EXPECT_EQ(s->client.credit_amount, 262144);
}

TEST_F(SettingsTest, FlagBeatsEnvironmentBeatsFile) {
  write_file(
      "router: http://file\nmodel: file\ntags: [a, b]\ndev_attestation: true\ndev_secret: file\n"
      "expected_pcrs: {12: " +
      kPcr +
      "}\nbadge: RklMRQ==\nwallet_command: file\ncredit_amount: 16\n"
      "max_candidates: 1\ntimeout: 1s\n");
  auto s = settings();
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(s->client.router_url, "http://file");
  EXPECT_EQ(s->client.tags, (std::vector<std::string>{"a", "b", "model=file"}));
  EXPECT_TRUE(s->client.dev_attestation.insecure_accept);
  EXPECT_EQ(s->client.dev_attestation.secret, "file");
  EXPECT_EQ(s->client.expected_pcrs.size(), 1U);
  EXPECT_EQ(s->client.badge, "RklMRQ==");
  EXPECT_EQ(s->client.wallet_command, "file");
  EXPECT_EQ(s->client.credit_amount, 16);
  EXPECT_EQ(s->client.max_candidates, 1);
  EXPECT_EQ(s->client.timeouts.total, std::chrono::seconds(1));

  environment_.insert({{"OPENPCC_ROUTER", "http://env"},
                       {"OPENPCC_MODEL", "env"},
                       {"OPENPCC_TAGS", "c, d"},
                       {"OPENPCC_DEV_ATTESTATION", "0"},
                       {"OPENPCC_DEV_SECRET", "env"},
                       {"OPENPCC_EXPECTED_PCRS", "0=" + kPcr + ",1=" + kPcr},
                       {"OPENPCC_BADGE", "RU5W"},
                       {"OPENPCC_WALLET_COMMAND", "env"},
                       {"OPENPCC_CREDIT_AMOUNT", "32"},
                       {"OPENPCC_MAX_CANDIDATES", "2"},
                       {"OPENPCC_TIMEOUT", "2s"}});
  s = settings();
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(s->client.router_url, "http://env");
  EXPECT_EQ(s->client.tags, (std::vector<std::string>{"c", "d", "model=env"}));
  EXPECT_FALSE(s->client.dev_attestation.insecure_accept);
  EXPECT_EQ(s->client.dev_attestation.secret, "env");
  EXPECT_EQ(s->client.expected_pcrs.size(), 2U);
  EXPECT_EQ(s->client.badge, "RU5W");
  EXPECT_EQ(s->client.wallet_command, "env");
  EXPECT_EQ(s->client.credit_amount, 32);
  EXPECT_EQ(s->client.max_candidates, 2);
  EXPECT_EQ(s->client.timeouts.total, std::chrono::seconds(2));

  Flags flags;
  flags.router = "http://flag";
  flags.model = "flag";
  flags.tags = {"e"};
  flags.dev_attestation = true;
  flags.dev_secret = "flag";
  flags.expected_pcrs = {"7=" + kPcr};
  flags.badge = "RkxBRw==";
  flags.wallet_command = "flag";
  flags.credit_amount = 64;
  flags.max_candidates = 3;
  flags.timeout = "3s";
  s = settings(flags);
  ASSERT_TRUE(s) << s.error().message;
  EXPECT_EQ(s->client.router_url, "http://flag");
  EXPECT_EQ(s->client.tags, (std::vector<std::string>{"e", "model=flag"}));
  EXPECT_TRUE(s->client.dev_attestation.insecure_accept);
  EXPECT_EQ(s->client.dev_attestation.secret, "flag");
  EXPECT_EQ(s->client.expected_pcrs.begin()->first, 7U);
  EXPECT_EQ(s->client.badge, "RkxBRw==");
  EXPECT_EQ(s->client.wallet_command, "flag");
  EXPECT_EQ(s->client.credit_amount, 64);
  EXPECT_EQ(s->client.max_candidates, 3);
  EXPECT_EQ(s->client.timeouts.total, std::chrono::seconds(3));
}

TEST_F(SettingsTest, AModelTagIsTheModel) {
  Flags flags;
  flags.tags = {"llm", "model=x"};
  EXPECT_EQ(settings(flags)->model, "x");
  EXPECT_EQ(settings(flags)->client.tags.size(), 2U);
  flags.tags.push_back("model=y");
  EXPECT_EQ(settings(flags)->model, "");  // which of them?
}

TEST_F(SettingsTest, ABadgeCanStandInAFile) {
  const std::string path = folder_ + "/badge";
  std::ofstream(path) << "QmFkZ2U=\n";
  Flags flags;
  flags.badge = "@" + path;
  EXPECT_EQ(settings(flags)->client.badge, "QmFkZ2U=");
  flags.badge = "@" + path + ".missing";
  EXPECT_EQ(settings(flags).error().code, kBadSetting);
}

TEST_F(SettingsTest, AnUnknownKeyIsNamed) {
  write_file("rooter: http://x\n");
  const auto s = settings();
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().message.find("rooter"), std::string::npos);
}

TEST_F(SettingsTest, AFileThatWasNamedMustExist) {
  Flags flags;
  flags.config_file = folder_ + "/missing.yaml";
  EXPECT_FALSE(settings(flags));
}

TEST_F(SettingsTest, RefusesWrongValues) {
  const std::pair<const char*, const char*> kVariables[] = {
      {"OPENPCC_DEV_ATTESTATION", "maybe"}, {"OPENPCC_EXPECTED_PCRS", "12"},   {"OPENPCC_EXPECTED_PCRS", "12=ab"},
      {"OPENPCC_EXPECTED_PCRS", "x=ab"},    {"OPENPCC_CREDIT_AMOUNT", "much"}, {"OPENPCC_MAX_CANDIDATES", "0"},
      {"OPENPCC_MAX_CANDIDATES", "17"},     {"OPENPCC_TIMEOUT", "soon"},       {"OPENPCC_TIMEOUT", "-1s"},
  };
  for (const auto& [name, value] : kVariables) {
    environment_ = {{"XDG_CONFIG_HOME", folder_}, {name, value}};
    EXPECT_FALSE(settings()) << name << "=" << value;
    environment_ = {{"XDG_CONFIG_HOME", folder_}, {name, ""}};
    EXPECT_TRUE(settings()) << name << ", empty";
  }
  Flags flags;
  flags.expected_pcrs = {"12=" + kPcr, "12=" + kPcr};
  EXPECT_FALSE(settings(flags));
}

}  // namespace
}  // namespace openpcc::cli
