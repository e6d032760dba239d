// json_fields.h - reads a JSON object field by field, and refuses what nobody read.
//
// A parameter that is silently ignored gives an answer other than the one asked for. So every field is either taken, or
// refused by name; `null` counts as absent everywhere. The first refusal stands, later calls return what they would for
// an absent field.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "engine/generation.h"

namespace openpcc::engine {

class JsonFields {
 public:
  // `prefix` names the object in refusals ("options."). The object must outlive this.
  explicit JsonFields(const nlohmann::ordered_json& object, std::string prefix = {});

  [[nodiscard]] std::optional<std::string> text(std::string_view name);
  [[nodiscard]] std::optional<bool> boolean(std::string_view name);
  [[nodiscard]] std::optional<double> number(std::string_view name, double low, double high);
  [[nodiscard]] std::optional<int64_t> integer(std::string_view name, int64_t low, int64_t high);
  // The value itself, where it is there and not null; the caller looks at its type.
  [[nodiscard]] const nlohmann::ordered_json* value(std::string_view name);
  // Says nothing that changes the answer: taken and forgotten.
  void ignore(std::string_view name);
  // A feature that is not offered: taken where its value asks for nothing (null, false, 0, "", [], {}, or `nothing`).
  void unsupported(std::string_view name, std::string_view nothing = {});

  void refuse(std::string_view name, const std::string& what, std::string code = "invalid_value");
  // Takes over the refusal of a nested reader, if it has one.
  void adopt(std::optional<Refusal> refusal);
  // Every field that nobody asked for is refused; then the first refusal, if there is one.
  [[nodiscard]] std::optional<Refusal> finish();
  [[nodiscard]] bool refused() const { return refusal_.has_value(); }

 private:
  const nlohmann::ordered_json& object_;
  std::string prefix_;
  std::set<std::string, std::less<>> seen_;
  std::optional<Refusal> refusal_;
};

}  // namespace openpcc::engine
