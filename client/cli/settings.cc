#include "settings.h"

#include <algorithm>
#include <fstream>

#include "base/tags.h"
#include "config/units.h"

namespace openpcc::cli {
namespace {

constexpr const char* kDefaultRouter = "http://127.0.0.1:3600";

std::unexpected<Error> bad(std::string message) {
  return fail(kBadSetting, std::move(message));
}

// One setting: its flag, else its variable, else its key, else nothing. A variable that is set but empty counts as not
// set, so that `OPENPCC_ROUTER= pcc …` means the default. Keys are read in any case: one nobody asked for is an error.
class Source {
 public:
  Source(const config::Environment& environment, const config::Section* file)
      : environment_(environment), file_(file) {}

  [[nodiscard]] std::optional<std::string> variable(const char* name) const {
    auto value = environment_(name);
    return value && value->empty() ? std::nullopt : value;
  }

  [[nodiscard]] Result<std::optional<std::string>> text(const std::optional<std::string>& flag, const char* name,
                                                        const char* key) const {
    std::optional<std::string> in_file;
    if (file_ != nullptr) {
      OPENPCC_TRY(std::string value, file_->get_string(key, ""));
      if (!value.empty()) in_file = std::move(value);
    }
    if (flag) return flag;
    if (auto value = variable(name)) return value;
    return in_file;
  }

  [[nodiscard]] Result<int64_t> integer(const std::optional<int64_t>& flag, const char* name, const char* key,
                                        int64_t fallback) const {
    if (file_ != nullptr) {
      OPENPCC_TRY(fallback, file_->get_int(key, fallback));
    }
    if (flag) return *flag;
    if (const auto value = variable(name)) {
      const auto number = config::parse_integer(*value);
      if (!number) return bad(std::string(name) + ": " + number.error().message);
      return *number;
    }
    return fallback;
  }

  [[nodiscard]] const config::Section* file() const { return file_; }

 private:
  const config::Environment& environment_;
  const config::Section* file_;
};

Result<std::optional<config::Section>> open_file(const Flags& flags, const config::Environment& environment) {
  std::string path = flags.config_file.value_or(environment("OPENPCC_CONFIG").value_or(""));
  if (path.empty()) {
    std::string folder = environment("XDG_CONFIG_HOME").value_or("");
    if (folder.empty()) {
      const std::string home = environment("HOME").value_or("");
      if (home.empty()) return std::nullopt;
      folder = home + "/.config";
    }
    path = folder + "/openpcc/client.yaml";
    if (!std::ifstream(path)) return std::nullopt;
  }
  OPENPCC_TRY(auto section, config::load_file(path, environment));
  return section;
}

using Pcrs = std::map<uint32_t, std::array<uint8_t, 32>>;

Status add_pcr(std::string_view number, std::string_view hex, Pcrs& pcrs) {
  const auto index = config::parse_integer(number);
  const auto value = from_hex(hex).value_or(Bytes());
  if (!index || *index < 0 || *index > 31 || value.size() != 32) {
    return bad("a pinned PCR is written N=HEX with 64 hexadecimal digits");
  }
  if (pcrs.contains(static_cast<uint32_t>(*index))) return bad("PCR " + std::to_string(*index) + " is pinned twice");
  std::ranges::copy(value, pcrs[static_cast<uint32_t>(*index)].begin());
  return {};
}

// "12=<64 hex digits>"
Status add_pcr(std::string_view text, Pcrs& pcrs) {
  const auto equals = text.find('=');
  return add_pcr(text.substr(0, equals), equals == std::string_view::npos ? "" : text.substr(equals + 1), pcrs);
}

Status read_pcrs(const Flags& flags, const Source& source, ClientOptions& options) {
  Pcrs in_file;
  if (source.file() != nullptr) {
    const auto section = source.file()->section("expected_pcrs");
    for (const auto& index : section.keys()) {
      OPENPCC_TRY(const std::string value, section.get_string(index));
      OPENPCC_TRY_STATUS(add_pcr(index, value, in_file));
    }
  }
  if (!flags.expected_pcrs.empty()) {
    for (const auto& pcr : flags.expected_pcrs) OPENPCC_TRY_STATUS(add_pcr(pcr, options.expected_pcrs));
    return {};
  }
  if (const auto list = source.variable("OPENPCC_EXPECTED_PCRS")) {
    OPENPCC_TRY(const auto pcrs, Tags::from_comma_list(*list));
    for (const auto& pcr : pcrs.all()) OPENPCC_TRY_STATUS(add_pcr(pcr, options.expected_pcrs));
    return {};
  }
  options.expected_pcrs = std::move(in_file);
  return {};
}

Status read_development(const Flags& flags, const Source& source, DevAttestation& dev) {
  bool accept = false;
  if (source.file() != nullptr) {
    OPENPCC_TRY(accept, source.file()->get_bool("dev_attestation", false));
  }
  if (const auto value = source.variable("OPENPCC_DEV_ATTESTATION")) {
    if (*value != "1" && *value != "0" && *value != "true" && *value != "false") {
      return bad("OPENPCC_DEV_ATTESTATION must be 1 or 0");
    }
    accept = *value == "1" || *value == "true";
  }
  dev.insecure_accept = accept || flags.dev_attestation;
  OPENPCC_TRY(const auto secret, source.text(flags.dev_secret, "OPENPCC_DEV_SECRET", "dev_secret"));
  if (secret) dev.secret = *secret;
  return {};
}

Status read_tags(const Flags& flags, const Source& source, Settings& settings) {
  std::vector<std::string> tags = {"llm"};
  if (source.file() != nullptr) {
    OPENPCC_TRY(tags, source.file()->get_strings("tags", tags));
  }
  if (const auto list = source.variable("OPENPCC_TAGS")) {
    OPENPCC_TRY(const auto set, Tags::from_comma_list(*list));
    tags.assign(set.all().begin(), set.all().end());
  }
  if (!flags.tags.empty()) tags = flags.tags;
  OPENPCC_TRY(const auto set, Tags::from(tags));
  OPENPCC_TRY(const auto model, source.text(flags.model, "OPENPCC_MODEL", "model"));
  const auto models = set.values_of("model");
  if (model) {
    settings.model = *model;
    // A tag model=… that says otherwise stays: then both are asked for.
    if (std::ranges::find(models, *model) == models.end()) tags.push_back("model=" + *model);
  } else if (models.size() == 1) {
    settings.model = models[0];
  }
  settings.client.tags = std::move(tags);
  return {};
}

// VALUE, or @FILE with the value in it.
Result<std::string> read_badge(const std::string& text) {
  if (!text.starts_with('@')) return text;
  std::ifstream in(text.substr(1), std::ios::binary);
  if (!in) return bad("the badge file " + text.substr(1) + " cannot be read");
  constexpr std::streamsize kMaxBadge = 32768;
  std::string value(kMaxBadge, '\0');
  in.read(value.data(), kMaxBadge);
  value.resize(static_cast<size_t>(in.gcount()));
  while (value.ends_with('\n') || value.ends_with('\r')) value.pop_back();
  return value;
}

Status read_limits(const Flags& flags, const Source& source, ClientOptions& options) {
  OPENPCC_TRY(options.credit_amount,
              source.integer(flags.credit_amount, "OPENPCC_CREDIT_AMOUNT", "credit_amount", options.credit_amount));
  OPENPCC_TRY(const int64_t candidates,
              source.integer(flags.max_candidates, "OPENPCC_MAX_CANDIDATES", "max_candidates", options.max_candidates));
  if (candidates < 1 || candidates > 16) return bad("the candidates must be 1 to 16");
  options.max_candidates = static_cast<int>(candidates);
  OPENPCC_TRY(const auto timeout, source.text(flags.timeout, "OPENPCC_TIMEOUT", "timeout"));
  if (timeout) {
    const auto parsed = config::parse_duration(*timeout);
    if (!parsed || parsed->count() < 0) return bad("the timeout must be a duration such as 30s or 5m");
    options.timeouts.total = std::chrono::duration_cast<std::chrono::milliseconds>(*parsed);
  }
  return {};
}

}  // namespace

Result<Settings> resolve(const Flags& flags, const config::Environment& environment) {
  OPENPCC_TRY(const auto file, open_file(flags, environment));
  const Source source(environment, file ? &*file : nullptr);
  Settings settings;
  ClientOptions& options = settings.client;
  OPENPCC_TRY(const auto router, source.text(flags.router, "OPENPCC_ROUTER", "router"));
  options.router_url = router.value_or(kDefaultRouter);
  OPENPCC_TRY_STATUS(read_tags(flags, source, settings));
  OPENPCC_TRY_STATUS(read_development(flags, source, options.dev_attestation));
  OPENPCC_TRY_STATUS(read_pcrs(flags, source, options));
  OPENPCC_TRY(const auto badge, source.text(flags.badge, "OPENPCC_BADGE", "badge"));
  OPENPCC_TRY(options.badge, read_badge(badge.value_or("")));
  OPENPCC_TRY(const auto wallet, source.text(flags.wallet_command, "OPENPCC_WALLET_COMMAND", "wallet_command"));
  options.wallet_command = wallet.value_or("");
  OPENPCC_TRY_STATUS(read_limits(flags, source, options));
  if (file) OPENPCC_TRY_STATUS(file->expect_all_used());
  return settings;
}

}  // namespace openpcc::cli
