#include "config/config.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace openpcc::config {
namespace {

using namespace std::chrono_literals;

Result<Section> load(std::string_view text) {
  return parse(text, "test.yaml", [](const std::string& name) -> std::optional<std::string> {
    if (name == "PORT") return "8081";
    return std::nullopt;
  });
}

constexpr const char* kGood = R"(# the lot
http:
  port: "${PORT}"
  read_timeout: 5m0s
  request_logging: true
rate: 0.9
handle: 0x81000001
size: 2M
tags:
  - llm
  - "model=a:1b"
nothing:
list: [1, 0x10]
nodes:
  - name: a
    url: http://a
  - name: b
labels: {x: 1, y: two}
)";

TEST(Config, ReadsEveryType) {
  const auto root = load(kGood);
  ASSERT_TRUE(root) << root.error().message;
  const Section http = root->section("http");
  EXPECT_TRUE(http.exists());
  EXPECT_EQ(http.get_int("port").value(), 8081);
  EXPECT_EQ(http.get_string("port").value(), "8081");
  EXPECT_EQ(http.get_duration("read_timeout").value(), 300s);
  EXPECT_TRUE(http.get_bool("request_logging").value());
  EXPECT_EQ(root->get_double("rate").value(), 0.9);
  EXPECT_EQ(root->get_int("handle").value(), 0x81000001);
  EXPECT_EQ(root->get_size("size", 1).value(), 2097152u);
  EXPECT_EQ(root->get_strings("tags").value(), (std::vector<std::string>{"llm", "model=a:1b"}));
  EXPECT_EQ(root->get_ints("list", {}).value(), (std::vector<int64_t>{1, 16}));
  EXPECT_EQ(root->get_string("nothing", "default").value(), "default");
  const auto nodes = root->sections("nodes").value();
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].get_string("name").value(), "a");
  EXPECT_EQ(nodes[0].get_string("url").value(), "http://a");
  EXPECT_EQ(nodes[1].get_string("name").value(), "b");
  EXPECT_EQ(nodes[1].get_string("url", "none").value(), "none");
  const Section labels = root->section("labels");
  EXPECT_EQ(labels.keys(), (std::vector<std::string>{"x", "y"}));
  for (const auto& key : labels.keys()) EXPECT_TRUE(labels.get_string(key));
  const auto all = root->expect_all_used();
  EXPECT_TRUE(all) << all.error().message;
}

TEST(Config, AbsentKeysAndSectionsGiveTheDefault) {
  for (const char* text : {"", "# nothing\n", "---\n", "http:\n", "http: {}\n"}) {
    const auto root = load(text);
    ASSERT_TRUE(root) << text;
    const Section http = root->section("http");
    EXPECT_EQ(http.get_int("port", 3600).value(), 3600);
    EXPECT_EQ(http.section("deep").get_bool("x", true).value(), true);
    EXPECT_EQ(http.get_string("port").error().code, kMissingKey);
    EXPECT_EQ(http.get_strings("tags").error().code, kMissingKey);
    EXPECT_NE(http.get_string("port").error().message.find("'http.port'"), std::string::npos);
    EXPECT_EQ(root->sections("nodes").value().size(), 0u);
    EXPECT_EQ(root->get_strings("tags", {"llm"}).value().size(), 1u);
    EXPECT_TRUE(root->expect_all_used());
  }
}

TEST(Config, AnUnknownKeyIsAnErrorWithItsPathAndLine) {
  const auto root = load("http:\n  port: 1\n  prot: 2\n");
  ASSERT_TRUE(root);
  (void)root->section("http").get_int("port");
  const auto status = root->expect_all_used();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, kUnknownKey);
  EXPECT_EQ(status.error().message, "test.yaml:3: unknown key 'http.prot'; known here: port");

  const auto listed = load("nodes:\n  - name: a\n  - nmae: b\n");
  const auto items = listed->sections("nodes").value();
  for (const auto& node : items) (void)node.get_string("name", "");
  EXPECT_EQ(listed->expect_all_used().error().message, "test.yaml:3: unknown key 'nodes[1].nmae'; known here: name");

  const auto section = load("a: 1\nhttp: {port: 2}\n");
  (void)section->get_int("a");
  EXPECT_EQ(section->expect_all_used().error().message, "test.yaml:2: unknown key 'http'; known here: a");
}

TEST(Config, AWrongTypeNamesFileLineKeyAndWhatWasExpected) {
  const auto root = load("a: {b: [1]}\nn: 12x\nd: 30\nf: nan\nneg: -5s\nlist: [[1]]\ntags: one\n");
  ASSERT_TRUE(root);
  const Section a = root->section("a");
  EXPECT_EQ(a.get_int("b").error().message, "test.yaml:1: key 'a.b': expected an integer");
  EXPECT_EQ(root->get_int("n").error().message, "test.yaml:2: key 'n': expected an integer");
  EXPECT_EQ(root->get_bool("n").error().code, kBadValue);
  EXPECT_EQ(root->get_duration("d").error().message, "test.yaml:3: key 'd': expected a duration such as 30s or 250ms");
  EXPECT_EQ(root->get_double("f").error().code, kBadValue);
  EXPECT_EQ(root->get_duration("neg").error().code, kBadValue);
  EXPECT_EQ(root->get_strings("list").error().code, kBadValue);
  EXPECT_EQ(root->get_strings("tags").error().code, kBadValue);
  EXPECT_EQ(root->get_string("a").error().code, kBadValue);
  EXPECT_EQ(root->sections("list").error().code, kBadValue);
  EXPECT_EQ(root->get_int("d", 0, 0, 29).error().message, "test.yaml:3: key 'd': expected an integer from 0 to 29");
  EXPECT_EQ(root->section("n").get_int("x", 1).error().message, "test.yaml:2: key 'n': expected a mapping");
  EXPECT_EQ(root->bad_value("n", "no host").error().message, "test.yaml:2: key 'n': no host");
}

TEST(Config, RefusesWhatIsNotOnePlainDocument) {
  const char* rows[] = {"a: b: c",    "- 1\n",  "just text",       "a: 1\na: 2\n", "a: &x 1\nb: *x\n",
                        "a: !!int 5", "[1]: 2", "a: 1\n---\nb: 2", "\ta: 1",       "a: [1",
                        "{a: 1",      "a: \"x", "? {x: 1}\n: 2"};
  for (const char* text : rows) {
    const auto root = load(text);
    ASSERT_FALSE(root) << text;
    EXPECT_EQ(root.error().code, kBadSyntax) << text;
    EXPECT_TRUE(root.error().message.starts_with("test.yaml: ")) << root.error().message;
  }
  EXPECT_EQ(load("a: " + std::string(100, '[') + std::string(100, ']')).error().code, kBadSyntax);
  EXPECT_EQ(load("a: ${NONE}").error().code, kMissingVariable);
  EXPECT_EQ(load(std::string(kMaxFileSize + 1, ' ')).error().code, kUnreadable);
}

TEST(Config, AnErrorNeverShowsTheValue) {
  const auto root = load("secret: [hunter2]\nnumber: hunter2\n");
  EXPECT_EQ(root->get_string("secret").error().message.find("hunter2"), std::string::npos);
  EXPECT_EQ(root->get_int("number").error().message.find("hunter2"), std::string::npos);
}

TEST(Config, LoadsAFileWithTheProcessEnvironment) {
  const auto path = std::filesystem::temp_directory_path() / ("openpcc_config_" + std::to_string(::getpid()) + ".yaml");
  std::ofstream(path) << "home: ${OPENPCC_TEST_HOME}\n";
  ::setenv("OPENPCC_TEST_HOME", "here", 1);
  const auto root = load_file(path.string());
  ASSERT_TRUE(root) << root.error().message;
  EXPECT_EQ(root->get_string("home").value(), "here");
  std::ofstream(path) << std::string(kMaxFileSize + 1, '#');
  EXPECT_EQ(load_file(path.string()).error().code, kUnreadable);
  std::filesystem::remove(path);
  EXPECT_EQ(load_file(path.string()).error().code, kUnreadable);
  EXPECT_EQ(load_file("/").error().code, kUnreadable);
}

}  // namespace
}  // namespace openpcc::config
