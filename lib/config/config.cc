#include "config/config.h"

#include <charconv>
#include <cmath>
#include <fstream>

#include "config/node.h"
#include "config/units.h"

namespace openpcc::config {
namespace {

std::string where(const std::string& file, int line) {
  return file + (line > 0 ? ":" + std::to_string(line) : "") + ": ";
}

Status check_used(const Node& node, const std::string& file, const std::string& path) {
  for (const auto& [key, entry] : node.mapping) {
    if (!entry.used) {
      std::string known;
      for (const auto& name : node.asked) known += (known.empty() ? "" : ", ") + name;
      return fail(kUnknownKey, where(file, entry.line) + "unknown key '" + path + key + "'" +
                                   (known.empty() ? "" : "; known here: " + known));
    }
    if (entry.value) OPENPCC_TRY_STATUS(check_used(*entry.value, file, path + key + "."));
  }
  for (size_t i = 0; i < node.list.size(); ++i) {
    // "listen." is the path of the list's key: its items are "listen[0]."
    const std::string item = path.substr(0, path.size() - 1) + "[" + std::to_string(i) + "].";
    OPENPCC_TRY_STATUS(check_used(*node.list[i], file, item));
  }
  return {};
}

Result<bool> parse_bool(const std::string& text) {
  for (const char* yes : {"true", "True", "TRUE", "yes", "on"}) {
    if (text == yes) return true;
  }
  for (const char* no : {"false", "False", "FALSE", "no", "off"}) {
    if (text == no) return false;
  }
  return fail(kBadValue, "");
}

Result<double> parse_double(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return fail(kBadValue, "");
  return value;
}

Result<std::chrono::nanoseconds> parse_positive_duration(const std::string& text) {
  OPENPCC_TRY(const auto value, parse_duration(text));
  if (value.count() < 0) return fail(kBadValue, "");
  return value;
}

Result<std::string> same(const std::string& text) {
  return text;
}

constexpr std::string_view kInteger = "an integer";
constexpr std::string_view kBool = "true or false";
constexpr std::string_view kNumber = "a number";
constexpr std::string_view kText = "a text";
constexpr std::string_view kDuration = "a duration such as 30s or 250ms";
constexpr std::string_view kSize = "a size in bytes such as 65536, 64K or 2M";

}  // namespace

bool Section::exists() const {
  return node_ != nullptr;
}

bool Section::has(std::string_view key) const {
  if (!node_) return false;
  const auto found = node_->mapping.find(key);
  return found != node_->mapping.end() && found->second.value && found->second.value->kind != Node::Kind::kNull;
}

Result<const Node*> Section::find(std::string_view key) const {
  if (error_) return std::unexpected(*error_);
  if (!node_) return nullptr;
  node_->asked.emplace(key);
  const auto found = node_->mapping.find(key);
  if (found == node_->mapping.end()) return nullptr;
  found->second.used = true;
  const Node* value = found->second.value.get();
  return value != nullptr && value->kind != Node::Kind::kNull ? value : nullptr;
}

std::unexpected<Error> Section::missing(std::string_view key) const {
  return fail(kMissingKey, where(position_.file, node_ ? node_->line : 0) + "missing key '" + position_.path +
                               std::string(key) + "'");
}

std::unexpected<Error> Section::bad_value(std::string_view key, std::string_view why) const {
  int line = 0;
  if (node_) {
    const auto found = node_->mapping.find(key);
    if (found != node_->mapping.end()) line = found->second.line;
  }
  return fail(kBadValue,
              where(position_.file, line) + "key '" + position_.path + std::string(key) + "': " + std::string(why));
}

Result<const std::string*> Section::find_scalar(std::string_view key, std::string_view expected) const {
  OPENPCC_TRY(const Node* node, find(key));
  if (node == nullptr) return nullptr;
  if (node->kind != Node::Kind::kScalar) return bad_value(key, "expected " + std::string(expected));
  return &node->scalar;
}

template <typename T, typename Parse>
Result<T> Section::get(std::string_view key, const T* fallback, std::string_view expected, Parse parse) const {
  OPENPCC_TRY(const std::string* text, find_scalar(key, expected));
  if (text == nullptr) {
    if (fallback == nullptr) return missing(key);
    return *fallback;
  }
  auto value = parse(*text);
  if (!value) return bad_value(key, "expected " + std::string(expected));
  return *std::move(value);
}

Result<std::string> Section::get_string(std::string_view key) const {
  return get<std::string>(key, nullptr, kText, same);
}
Result<std::string> Section::get_string(std::string_view key, const std::string& fallback) const {
  return get<std::string>(key, &fallback, kText, same);
}

Result<int64_t> Section::get_int(std::string_view key) const {
  return get<int64_t>(key, nullptr, kInteger, parse_integer);
}
Result<int64_t> Section::get_int(std::string_view key, int64_t fallback, int64_t min, int64_t max) const {
  OPENPCC_TRY(const int64_t value, get<int64_t>(key, &fallback, kInteger, parse_integer));
  if (value >= min && value <= max) return value;
  if (max == kMax) return bad_value(key, "expected at least " + std::to_string(min));
  return bad_value(key, "expected an integer from " + std::to_string(min) + " to " + std::to_string(max));
}

Result<bool> Section::get_bool(std::string_view key) const {
  return get<bool>(key, nullptr, kBool, parse_bool);
}
Result<bool> Section::get_bool(std::string_view key, bool fallback) const {
  return get<bool>(key, &fallback, kBool, parse_bool);
}
Result<double> Section::get_double(std::string_view key) const {
  return get<double>(key, nullptr, kNumber, parse_double);
}
Result<double> Section::get_double(std::string_view key, double fallback) const {
  return get<double>(key, &fallback, kNumber, parse_double);
}
Result<std::chrono::nanoseconds> Section::get_duration(std::string_view key) const {
  return get<std::chrono::nanoseconds>(key, nullptr, kDuration, parse_positive_duration);
}
Result<std::chrono::nanoseconds> Section::get_duration(std::string_view key, std::chrono::nanoseconds fallback) const {
  return get<std::chrono::nanoseconds>(key, &fallback, kDuration, parse_positive_duration);
}
Result<uint64_t> Section::get_size(std::string_view key, uint64_t fallback) const {
  return get<uint64_t>(key, &fallback, kSize, parse_size);
}

// Every item of the list; a null item is the empty text.
Result<std::vector<const std::string*>> Section::find_scalars(std::string_view key) const {
  OPENPCC_TRY(const Node* node, find(key));
  std::vector<const std::string*> out;
  if (node == nullptr) return out;
  if (node->kind != Node::Kind::kList) return bad_value(key, "expected a list");
  for (const auto& item : node->list) {
    if (item->kind != Node::Kind::kScalar && item->kind != Node::Kind::kNull) {
      return bad_value(key, "expected a list of single values");
    }
    out.push_back(&item->scalar);
  }
  return out;
}

Result<std::vector<std::string>> Section::get_strings(std::string_view key) const {
  if (!error_ && !has(key)) {
    OPENPCC_TRY_STATUS(find(key));
    return missing(key);
  }
  return get_strings(key, {});
}
Result<std::vector<std::string>> Section::get_strings(std::string_view key, std::vector<std::string> fallback) const {
  OPENPCC_TRY(const auto texts, find_scalars(key));
  if (!has(key)) return fallback;
  std::vector<std::string> out;
  for (const std::string* text : texts) out.push_back(*text);
  return out;
}

Result<std::vector<int64_t>> Section::get_ints(std::string_view key, std::vector<int64_t> fallback) const {
  OPENPCC_TRY(const auto texts, find_scalars(key));
  if (!has(key)) return fallback;
  std::vector<int64_t> out;
  for (const std::string* text : texts) {
    const auto value = parse_integer(*text);
    if (!value) return bad_value(key, "expected a list of integers");
    out.push_back(*value);
  }
  return out;
}

Section Section::section(std::string_view key) const {
  const Position position{position_.file, position_.path + std::string(key) + "."};
  Section out(nullptr, position);
  const auto found = find(key);
  if (!found) {
    out.error_ = std::make_shared<Error>(found.error());
  } else if (*found != nullptr && (*found)->kind != Node::Kind::kMapping) {
    out.error_ = std::make_shared<Error>(bad_value(key, "expected a mapping").error());
  } else if (*found != nullptr) {
    out.node_ = node_->mapping.find(key)->second.value;
  }
  return out;
}

Result<std::vector<Section>> Section::sections(std::string_view key) const {
  OPENPCC_TRY(const Node* node, find(key));
  std::vector<Section> out;
  if (node == nullptr) return out;
  if (node->kind != Node::Kind::kList) return bad_value(key, "expected a list of mappings");
  for (const auto& item : node->list) {
    if (item->kind != Node::Kind::kMapping) return bad_value(key, "expected a list of mappings");
    const std::string path = position_.path + std::string(key) + "[" + std::to_string(out.size()) + "].";
    out.push_back(Section(item, {position_.file, path}));
  }
  return out;
}

std::vector<std::string> Section::keys() const {
  std::vector<std::string> out;
  if (!node_) return out;
  for (const auto& [key, entry] : node_->mapping) out.push_back(key);
  return out;
}

Status Section::expect_all_used() const {
  if (error_) return std::unexpected(*error_);
  if (!node_) return {};
  return check_used(*node_, position_.file, position_.path);
}

Result<Section> parse(std::string_view text, std::string name, const Environment& environment) {
  const auto named = [&](const Error& error) { return fail(error.code, name + ": " + error.message); };
  if (text.size() > kMaxFileSize) return fail(kUnreadable, name + ": larger than 1 MiB");
  const auto expanded = expand_variables(text, environment, kMaxFileSize);
  if (!expanded) return named(expanded.error());
  auto root = parse_yaml(*expanded);
  if (!root) return named(root.error());
  if ((*root)->kind == Node::Kind::kNull) (*root)->kind = Node::Kind::kMapping;  // an empty file: every default
  if ((*root)->kind != Node::Kind::kMapping) return fail(kBadSyntax, name + ": expected a mapping of keys to values");
  return Section(*std::move(root), {std::move(name), ""});
}

Result<Section> load_file(const std::string& path, const Environment& environment) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(kUnreadable, path + ": cannot be opened");
  std::string text(kMaxFileSize + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || file.gcount() < 0) return fail(kUnreadable, path + ": cannot be read");
  text.resize(static_cast<size_t>(file.gcount()));
  return parse(text, path, environment);
}

}  // namespace openpcc::config
