// The table of PROTOCOL H.12: which fields each endpoint takes, and of which type.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "worker/validate_body.h"

namespace openpcc::worker {
namespace {

struct Samples {
  std::vector<std::string> fit;
  std::vector<std::string> misfit;
};

// The official types: s string, b bool, i integer, f number, obj, list of anything, objs a list of objects, any;
// options and messages are objects of their own.
const std::map<std::string, Samples>& samples() {
  static const std::map<std::string, Samples> all = {
      {"s", {{"\"x\"", "\"\"", "null"}, {"5", "true", "{}", "[]"}}},
      {"b", {{"true", "false", "null"}, {"1", "\"true\"", "{}"}}},
      {"i",
       {{"0", "-0", "7", "-3", "9223372036854775807", "-9223372036854775808", "null"},
        {"1.0", "0.9", "1e0", "\"1\"", "9223372036854775808", "-9223372036854775809", "true", "{}"}}},
      {"f", {{"0", "7", "0.5", "-1e-3", "18446744073709551616", "null"}, {"\"1\"", "true", "[]"}}},
      {"obj", {{"{}", R"({"a":[1,"b",null]})", "null"}, {"[]", "\"x\"", "1", "true"}}},
      {"list", {{"[]", R"([1,"a",null,{}])", "null"}, {"{}", "\"x\"", "1"}}},
      {"objs", {{"[]", R"([{"a":1}])", "[null]", "null"}, {"{}", "[1]", "[[]]", "\"x\""}}},
      {"any", {{"1.5", "\"x\"", "true", "{}", "[]", "null"}, {}}},
      {"options",
       {{"{}", R"({"include_usage":true})", R"({"include_usage":null})", "null"},
        {"[]", "true", R"({"include_usage":1})", R"({"other":true})"}}},
      {"messages", {{"[]", "[{}]", "[null]", "null"}, {"{}", "[1]", "\"x\"", R"([{"other":1}])"}}},
  };
  return all;
}

struct Endpoint {
  std::string path;
  std::string fields;                                     // name and official type, as in the table
  std::map<std::string, std::vector<std::string>> wider;  // what ours takes of a field beside
  std::string ours;                                       // fields that the official worker does not know
};

const std::vector<Endpoint>& endpoints() {
  static const std::vector<std::string> fractions = {"1.0", "0.9", "1e0", "9223372036854775808",
                                                     "-9223372036854775809"};
  static const std::vector<Endpoint> all = {
      {"/api/generate",
       "model s options obj prompt s stream b system s suffix s template s keep_alive any",
       {},
       "format any raw b"},
      {"/api/chat",
       "model s messages objs tools objs format obj options obj stream b keep_alive any",
       {{"format", {"[]", "\"x\"", "1", "true"}}},
       ""},
      {"/v1/completions",
       "model s prompt s best_of i echo b frequency_penalty i logit_bias obj logprobs i max_tokens i n i "
       "presence_penalty i seed i stop any stream b stream_options options suffix s temperature f top_p i user s "
       "repetition_penalty f ignore_eos b",
       {{"frequency_penalty", fractions}, {"presence_penalty", fractions}, {"top_p", fractions}},
       "top_k i min_p f"},
      {"/v1/chat/completions",
       "messages messages model s frequency_penalty i function_call any functions list logit_bias obj logprobs i "
       "max_completion_tokens i max_tokens i metadata obj n i parallel_tool_calls b prediction any presence_penalty i "
       "response_format any seed i stop any stream b stream_options options temperature f tool_choice any tools list "
       "top_logprobs i top_p i user s repetition_penalty f ignore_eos b",
       {{"frequency_penalty", fractions},
        {"presence_penalty", fractions},
        {"top_p", fractions},
        {"logprobs", {"true"}}},
       "top_k i min_p f"},
  };
  return all;
}

std::map<std::string, std::string> types_of(const std::string& fields) {
  std::istringstream words(fields);
  std::map<std::string, std::string> out;
  for (std::string name, type; words >> name >> type;) out[name] = type;
  return out;
}

Checked<ValidBody> check(const std::string& path, const std::string& body) {
  static const std::vector<std::string> models = {"m"};
  return validate_body(
      {.path = path, .content_length = static_cast<int64_t>(body.size()), .models = models, .badge_models = nullptr},
      as_bytes(body), "");
}

// "" where the value passes the decoder, whatever the checks behind it say.
std::string decoding(const std::string& path, const std::string& field, const std::string& value) {
  const auto valid = check(path, "{\"" + field + "\":" + value + "}");
  return valid || valid.error().code != "ErrInvalidJSON" ? "" : valid.error().message;
}

TEST(BodyFields, EachFieldTakesItsTypeAlone) {
  for (const Endpoint& endpoint : endpoints()) {
    auto types = types_of(endpoint.fields);
    types.merge(types_of(endpoint.ours));
    for (const auto& [field, type] : types) {
      const Samples& sample = samples().at(type);
      for (const std::string& value : sample.fit) {
        EXPECT_EQ(decoding(endpoint.path, field, value), "") << endpoint.path << ' ' << field << ' ' << value;
      }
      const auto wider = endpoint.wider.find(field);
      const std::vector<std::string> taken = wider == endpoint.wider.end() ? std::vector<std::string>() : wider->second;
      for (const std::string& value : taken) {
        EXPECT_EQ(decoding(endpoint.path, field, value), "") << endpoint.path << ' ' << field << ' ' << value;
      }
      for (const std::string& value : sample.misfit) {
        if (std::find(taken.begin(), taken.end(), value) != taken.end()) continue;
        EXPECT_NE(decoding(endpoint.path, field, value), "") << endpoint.path << ' ' << field << ' ' << value;
      }
    }
  }
}

TEST(BodyFields, FieldsOfAnotherEndpointAreUnknown) {
  std::set<std::string> all = {"images", "raw_prompt",       "think", "thinking", "service_tier",
                               "store",  "reasoning_effort", ""};
  for (const Endpoint& endpoint : endpoints()) {
    for (const auto& [field, type] : types_of(endpoint.fields + " " + endpoint.ours)) all.insert(field);
  }
  size_t refused = 0;
  for (const Endpoint& endpoint : endpoints()) {
    const auto types = types_of(endpoint.fields + " " + endpoint.ours);
    for (const std::string& field : all) {
      if (types.contains(field)) continue;
      EXPECT_EQ(decoding(endpoint.path, field, "null"),
                "failed to decode request body: json: unknown field \"" + field + "\"")
          << endpoint.path;
      ++refused;
    }
  }
  EXPECT_GT(refused, 60U);
}

TEST(BodyFields, OfAMessage) {
  const auto of_message = [](const std::string& field, const std::string& value) {
    return decoding("/v1/chat/completions", "messages", "[{\"" + field + "\":" + value + "}]");
  };
  // tool_call_id alone is ours.
  for (const auto& [field, type] :
       types_of("content any role s name s audio any refusal s tool_calls list tool_call_id s")) {
    for (const std::string& value : samples().at(type).fit) EXPECT_EQ(of_message(field, value), "") << field << value;
    for (const std::string& value : samples().at(type).misfit)
      EXPECT_NE(of_message(field, value), "") << field << value;
  }
  for (const char* field : {"images", "function_call", "reasoning", "model"}) EXPECT_NE(of_message(field, "null"), "");
  EXPECT_EQ(decoding("/api/chat", "messages", R"([{"anything":1}])"), "") << "Ollama's messages are untyped";
}

TEST(BodyFields, AnEmptyListOfMessagesPasses) {
  EXPECT_TRUE(check("/v1/chat/completions", R"({"model":"m","messages":[]})").has_value());
  EXPECT_TRUE(check("/api/chat", R"({"model":"m","messages":[]})").has_value());
}

}  // namespace
}  // namespace openpcc::worker
