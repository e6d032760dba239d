// config.h - reads a YAML configuration file by type: environment variables expanded, nothing unknown passed over.
//
//   OPENPCC_TRY(auto root, config::load_file(path));
//   auto http = root.section("http");
//   OPENPCC_TRY(auto port, http.get_int("port", 3600, 0, 65535));
//   OPENPCC_TRY_STATUS(root.expect_all_used());   // an unknown key: error with its path and line
//
// An absent key and one with an empty or null value are the same: the default, or kMissingKey where there is none.
// Errors name file, line and key, and never the value, which may be a secret. Not thread-safe: asking marks a key as
// known.
#pragma once

#include <chrono>
#include <limits>
#include <memory>

#include "config/expand.h"

namespace openpcc::config {

inline constexpr ErrorCode kUnreadable{"config.unreadable"};  // no such file, not readable, or larger than kMaxFileSize
inline constexpr ErrorCode kBadSyntax{"config.bad_syntax"};   // not YAML, or a part of YAML that is not supported
inline constexpr ErrorCode kUnknownKey{"config.unknown_key"};  // a key that no part of the program asked for
inline constexpr ErrorCode kMissingKey{"config.missing_key"};  // a key without default is not there
inline constexpr ErrorCode kBadValue{"config.bad_value"};      // of another type, or out of range

inline constexpr size_t kMaxFileSize = size_t{1} << 20;

struct Node;

// A mapping of the file; cheap to copy. It may stand for one that is absent: then every key in it is absent.
class Section {
 public:
  [[nodiscard]] bool exists() const;  // the mapping is in the file
  // True when the key has a value. Does not count as asking for it.
  [[nodiscard]] bool has(std::string_view key) const;

  // Without a default the key is required. Any scalar is a string.
  [[nodiscard]] Result<std::string> get_string(std::string_view key) const;
  [[nodiscard]] Result<std::string> get_string(std::string_view key, const std::string& fallback) const;

  static constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  static constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  // Decimal or 0x hexadecimal, quoted or not; min and max inclusive.
  [[nodiscard]] Result<int64_t> get_int(std::string_view key) const;
  [[nodiscard]] Result<int64_t> get_int(std::string_view key, int64_t fallback, int64_t min = kMin,
                                        int64_t max = kMax) const;
  [[nodiscard]] Result<bool> get_bool(std::string_view key) const;
  [[nodiscard]] Result<bool> get_bool(std::string_view key, bool fallback) const;
  // Finite only.
  [[nodiscard]] Result<double> get_double(std::string_view key) const;
  [[nodiscard]] Result<double> get_double(std::string_view key, double fallback) const;

  // Go syntax: 30s, 250ms, 5m0s, 1h. Negative durations are an error.
  [[nodiscard]] Result<std::chrono::nanoseconds> get_duration(std::string_view key) const;
  [[nodiscard]] Result<std::chrono::nanoseconds> get_duration(std::string_view key,
                                                              std::chrono::nanoseconds fallback) const;
  // Bytes, with K, M or G for powers of 1024.
  [[nodiscard]] Result<uint64_t> get_size(std::string_view key, uint64_t fallback) const;

  // A list of scalars. A single scalar is not a list.
  [[nodiscard]] Result<std::vector<std::string>> get_strings(std::string_view key) const;
  [[nodiscard]] Result<std::vector<std::string>> get_strings(std::string_view key,
                                                             std::vector<std::string> fallback) const;
  [[nodiscard]] Result<std::vector<int64_t>> get_ints(std::string_view key, std::vector<int64_t> fallback) const;

  // A nested mapping. If the key holds something else, every getter of the section gives that error.
  [[nodiscard]] Section section(std::string_view key) const;
  // A list of mappings; absent: empty.
  [[nodiscard]] Result<std::vector<Section>> sections(std::string_view key) const;
  // The keys of a mapping with free keys (name to value), in order of name.
  [[nodiscard]] std::vector<std::string> keys() const;

  // An error for the first key, here or below, that nobody asked for. On the root: for the whole file.
  [[nodiscard]] Status expect_all_used() const;
  // A kBadValue for a check of the caller's own, with file, line and path: return section.bad_value("url", "no host").
  [[nodiscard]] std::unexpected<Error> bad_value(std::string_view key, std::string_view why) const;

 private:
  friend Result<Section> parse(std::string_view text, std::string name, const Environment& environment);
  struct Position {
    std::string file;
    std::string path;  // of this section, with a dot at its end; empty at the root
  };
  Section(std::shared_ptr<Node> node, Position position) : node_(std::move(node)), position_(std::move(position)) {}

  [[nodiscard]] Result<const Node*> find(std::string_view key) const;  // null where absent
  [[nodiscard]] Result<const std::string*> find_scalar(std::string_view key, std::string_view expected) const;
  [[nodiscard]] std::unexpected<Error> missing(std::string_view key) const;
  [[nodiscard]] Result<std::vector<const std::string*>> find_scalars(std::string_view key) const;
  template <typename T, typename Parse>
  Result<T> get(std::string_view key, const T* fallback, std::string_view expected, Parse parse) const;

  std::shared_ptr<Node> node_;  // null where absent
  Position position_;
  std::shared_ptr<Error> error_;  // of section(): the key held something else
};

// `name` stands for the file in errors.
[[nodiscard]] Result<Section> parse(std::string_view text, std::string name,
                                    const Environment& environment = process_environment);
[[nodiscard]] Result<Section> load_file(const std::string& path, const Environment& environment = process_environment);

}  // namespace openpcc::config
