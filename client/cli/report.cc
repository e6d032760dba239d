#include "report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace openpcc::cli {
namespace {

using Json = nlohmann::ordered_json;

bool any_refused_for(const std::vector<NodeReport>& nodes, std::string_view code) {
  return std::ranges::any_of(nodes, [&](const NodeReport& node) { return node.refusal_code == code; });
}

}  // namespace

int exit_code_of(Failure failure) {
  switch (failure) {
    case Failure::kRequest:
      return kFailed;
    case Failure::kUsage:
      return kWrongUsage;
    case Failure::kNoVerifiedNode:
      return kNoNodeVerified;
    case Failure::kBroken:
      return kCutOrAltered;
    case Failure::kCancelled:
      return kInterrupted;
  }
  return kFailed;
}

void show_steps(Output& output, const NodeReport& node) {
  for (const auto& step : node.steps) {
    std::string mark;
    switch (step.outcome) {
      case StepOutcome::kPassed:
        mark = output.coloured(Colour::kGreen, "✓");
        break;
      case StepOutcome::kFailed:
        mark = output.coloured(Colour::kRed, "✗");
        break;
      case StepOutcome::kQuotedNotCompared:
        mark = output.coloured(Colour::kYellow, "-");
        break;
      case StepOutcome::kDevelopmentProvesNothing:
        mark = output.coloured(Colour::kYellow, "!");
        break;
      case StepOutcome::kNotReached:
        continue;
    }
    const bool development = step.outcome == StepOutcome::kDevelopmentProvesNothing;
    output.line("  " + mark + " " + (development ? std::string() : step.title + ": ") + printable(step.detail));
  }
}

void show_refusal_hints(const std::vector<NodeReport>& nodes) {
  if (any_refused_for(nodes, "verify.development_refused")) {
    err().line(development_attestation_compiled_in()
                   ? "  For local work, --dev-attestation accepts development evidence. It proves nothing."
                   : "  This build has no --dev-attestation.");
  }
  if (any_refused_for(nodes, "verify.bad_development_mac")) {
    err().line("  The node may have another development secret: --dev-secret.");
  }
}

int show_error(const ClientError& error, const DevAttestation& dev) {
  err().line("pcc: " + printable(error.message));
  for (const auto& node : error.nodes) {
    err().line("  " + printable(node.id) + " refused: " + printable(node.refusal) + " (" + node.refusal_code + ")");
  }
  if (!dev.insecure_accept || development_attestation_compiled_in()) show_refusal_hints(error.nodes);
  return exit_code_of(error.kind);
}

int show_usage_error(std::string_view message) {
  err().line("pcc: " + printable(message) + "\nTry `pcc --help`.");
  return kWrongUsage;
}

void warn_of_development(const DevAttestation& dev) {
  if (!dev.insecure_accept) return;
  err().line(err().coloured(Colour::kYellow,
                            "! accepting development attestation, which proves nothing about any "
                            "node: for local work only"));
}

Json to_json(const NodeReport& node) {
  Json steps = Json::array();
  for (const auto& step : node.steps) {
    steps.push_back({{"name", step.name},
                     {"title", step.title},
                     {"outcome", step_outcome_name(step.outcome)},
                     {"detail", step.detail}});
  }
  Json json = {{"id", node.id},
               {"tags", node.tags},
               {"verified", node.verified},
               {"development", node.insecure_development},
               {"verification", std::move(steps)}};
  if (node.verified) {
    Json pcrs = Json::object();
    for (const auto& [index, value] : node.pcr_values) pcrs[std::to_string(index)] = value;
    json["pcr_values"] = std::move(pcrs);
  } else {
    json["refused"] = {{"code", node.refusal_code}, {"message", node.refusal}};
  }
  return json;
}

Json to_json(const ClientError& error) {
  Json json = {{"error", {{"code", error.code}, {"message", error.message}}}};
  if (!error.nodes.empty()) {
    Json nodes = Json::array();
    for (const auto& node : error.nodes) nodes.push_back(to_json(node));
    json["nodes"] = std::move(nodes);
  }
  return json;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace openpcc::cli
