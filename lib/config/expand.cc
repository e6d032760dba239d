#include "config/expand.h"

#include <algorithm>
#include <cstdlib>

namespace openpcc::config {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Does the line around this place begin with '#'?
bool in_comment_line(std::string_view text, size_t at) {
  const size_t newline = text.rfind('\n', at);
  const size_t begin = newline == std::string_view::npos ? 0 : newline + 1;
  const size_t first = text.find_first_not_of(" \t", begin);
  return first != std::string_view::npos && first <= at && text[first] == '#';
}

size_t line_of(std::string_view text, size_t at) {
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

}  // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): read at start, before any thread
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

Result<std::string> expand_variables(std::string_view text, const Environment& environment, size_t max_size) {
  std::string out;
  std::string missing;
  size_t at = 0;
  while (true) {
    const size_t dollar = text.find('$', at);
    out.append(text.substr(at, dollar == std::string_view::npos ? dollar : dollar - at));
    if (out.size() > max_size) return fail(kBadVariable, "the file is too large once its variables are expanded");
    if (dollar == std::string_view::npos) break;

    std::string name;
    std::optional<std::string> fallback;
    size_t end = dollar + 1;
    if (end < text.size() && text[end] == '{') {
      const size_t close = text.find('}', end);
      if (close == std::string_view::npos) {
        return fail(kBadVariable, "line " + std::to_string(line_of(text, dollar)) + ": \"${\" without \"}\"");
      }
      const std::string_view inside = text.substr(end + 1, close - end - 1);
      const size_t split = inside.find(":-");
      name = inside.substr(0, split);
      if (split != std::string_view::npos) fallback = inside.substr(split + 2);
      end = close + 1;
      if (name.empty() || !std::all_of(name.begin(), name.end(), is_name)) {
        return fail(kBadVariable, "line " + std::to_string(line_of(text, dollar)) + ": no variable name after \"${\"");
      }
    } else {
      while (end < text.size() && is_name(text[end])) ++end;
      name = text.substr(dollar + 1, end - dollar - 1);
    }
    at = end;
    if (name.empty()) {  // a dollar sign that begins no name is text
      out += '$';
      continue;
    }
    if (auto value = environment(name)) {
      out += *value;
    } else if (fallback) {
      out += *fallback;
    } else if (in_comment_line(text, dollar)) {
      out += text.substr(dollar, end - dollar);
    } else {
      missing += (missing.empty() ? "" : ", ") + name + " (line " + std::to_string(line_of(text, dollar)) + ")";
    }
  }
  if (!missing.empty()) {
    return fail(kMissingVariable, "these environment variables must be set: " + missing +
                                      "; or give a default in the file, as in ${NAME:-default}");
  }
  return out;
}

}  // namespace openpcc::config
