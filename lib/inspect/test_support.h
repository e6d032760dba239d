// test_support.h - for this folder's tests and fuzz target: what must hold for any inspection of any bytes.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>

#include "inspect/inspect.h"

namespace openpcc::inspect {

// The first thing that is wrong about the inspection itself; empty where nothing is.
[[nodiscard]] inline std::string fault_of_part(const Part& part, size_t size) {
  if (part.at > size || part.size > size - part.at) return part.name + " lies outside";
  for (const Part& child : part.parts) {
    if (std::string fault = fault_of_part(child, size); !fault.empty()) return part.name + "." + fault;
  }
  return {};
}

[[nodiscard]] inline std::string fault_of(const Report& report, size_t size) {
  if (report.disagreement) return "it disagrees with the parser: " + report.problems.front().rule;
  if (report.form_refused && report.problems.size() != 1) return "refused, and looked into all the same";
  for (const Problem& problem : report.problems) {
    if (problem.at > size) return "a problem at byte " + std::to_string(problem.at);
    if (problem.rule.empty()) return "a problem without a rule";
  }
  return fault_of_part(report.root, size);
}

struct CorpusFile {
  std::string name;
  Bytes bytes;
};
[[nodiscard]] inline std::vector<CorpusFile> read_corpus(const std::string& folder) {
  std::vector<CorpusFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(entry.path(), std::ios::binary);
    files.push_back({entry.path().filename(), Bytes(std::istreambuf_iterator<char>(in), {})});
  }
  return files;
}

}  // namespace openpcc::inspect
