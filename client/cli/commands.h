// commands.h - the commands of `pcc`. Each returns the exit code and has said why when that is not 0.
#pragma once

#include "prompt.h"
#include "settings.h"

namespace openpcc::cli {

struct AskFlags {
  std::string prompt;  // "-": standard input
  std::string system;
  Sampling sampling;
  bool no_stream = false;
};

struct InspectFlags {
  std::string file;  // "-": standard input
  std::string kind;  // empty: found out from the bytes
  std::string encoding = "auto";
  bool shallow = false;
  bool full = false;
  bool json = false;
};

[[nodiscard]] int ask(const Flags& flags, const AskFlags& ask_flags);
[[nodiscard]] int chat(const Flags& flags, const AskFlags& ask_flags);
[[nodiscard]] int nodes(const Flags& flags, int limit);
[[nodiscard]] int ping(const Flags& flags);
[[nodiscard]] int inspect_object(const InspectFlags& flags);
[[nodiscard]] std::string inspect_help();  // which kinds there are

// What every command starts with: the settings, the warning, the client. On failure the exit code, all said.
struct Ready {
  Settings settings;
  Client client;
};
[[nodiscard]] std::expected<Ready, int> get_ready(const Flags& flags, bool needs_model);

}  // namespace openpcc::cli
