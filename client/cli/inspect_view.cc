#include "inspect_view.h"

#include <nlohmann/json.hpp>

#include "terminal.h"
#include "wire/utf8.h"

namespace openpcc::cli {
namespace {

using inspect::Part;
using inspect::Shape;
using Json = nlohmann::ordered_json;

constexpr size_t kShownBytes = 128;  // an encapsulated key is shown whole
constexpr size_t kShownText = 1024;

std::string hex_text(ByteView bytes, bool full) {
  if (bytes.empty()) return "(empty)";
  if (full || bytes.size() <= kShownBytes) return to_hex(bytes);
  return to_hex(bytes.first(kShownBytes / 4)) + "... (" + std::to_string(bytes.size()) + " bytes)";
}

std::string quoted_text(const std::string& text, bool full) {
  if (!wire::is_utf8(text)) return "hex " + hex_text(as_bytes(text), full);
  if (full || text.size() <= kShownText) return '"' + printable(text) + '"';
  // Cut between characters: what is left must be UTF-8 too.
  size_t size = kShownText;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
  return '"' + printable(text.substr(0, size)) + "\"... (" + std::to_string(text.size()) + " bytes)";
}

struct ShowValue {
  bool full;
  std::string operator()(std::monostate) const { return "(empty)"; }
  std::string operator()(bool value) const { return value ? "yes" : "no"; }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(uint64_t value) const { return std::to_string(value); }
  std::string operator()(const std::string& text) const { return quoted_text(text, full); }
  std::string operator()(const Bytes& bytes) const { return hex_text(bytes, full); }
};

struct JsonValue {
  Json operator()(std::monostate) const { return nullptr; }
  Json operator()(bool value) const { return value; }
  Json operator()(int64_t value) const { return value; }
  Json operator()(uint64_t value) const { return value; }
  Json operator()(const std::string& text) const {
    if (wire::is_utf8(text)) return text;
    return {{"hex", to_hex(as_bytes(text))}};
  }
  Json operator()(const Bytes& bytes) const { return to_hex(bytes); }
};

void add_lines(const Part& part, const std::string& name, size_t depth, bool full, std::string& out) {
  std::string offset = std::to_string(part.at);
  constexpr size_t kColumn = 8;
  out += std::string(kColumn - std::min(kColumn, offset.size()), ' ') + offset + "  " + std::string(2 * depth, ' ');
  out += name + ": ";
  if (part.shape == Shape::kValue) {
    out += std::visit(ShowValue{full}, part.value);
  } else {
    out += part.parts.empty() ? "(empty)" : "";
    while (out.ends_with(' ')) out.pop_back();
  }
  out += '\n';
  for (size_t i = 0; i < part.parts.size(); ++i) {
    const bool element = part.shape == Shape::kList;
    add_lines(part.parts[i], element ? inspect::element_name("", i) : part.parts[i].name, depth + 1, full, out);
  }
}

}  // namespace

std::string to_text(const Part& root, bool full) {
  std::string out;
  for (const Part& part : root.parts) add_lines(part, part.name, 0, full, out);
  return out;
}

std::string to_text(const inspect::Problem& problem) {
  return "byte " + std::to_string(problem.at) + ": " + (problem.part.empty() ? "" : problem.part + ": ") +
         printable(problem.rule);
}

Json to_json(const Part& part) {
  if (part.shape == Shape::kValue) return std::visit(JsonValue{}, part.value);
  Json json = part.shape == Shape::kList ? Json::array() : Json::object();
  for (const Part& child : part.parts) {
    if (part.shape == Shape::kList) {
      json.push_back(to_json(child));
    } else {
      json[child.name] = to_json(child);
    }
  }
  return json;
}

Json to_json(const inspect::Problem& problem) {
  return {{"byte", problem.at}, {"part", problem.part}, {"rule", problem.rule}};
}

std::string dump_ascii(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace openpcc::cli
