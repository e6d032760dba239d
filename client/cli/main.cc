// pcc - ask a model something that nothing between you and it can read.
#include <sys/prctl.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include "commands.h"
#include "report.h"

namespace openpcc::cli {

std::expected<Ready, int> get_ready(const Flags& flags, bool needs_model) {
  auto settings = resolve(flags);
  if (!settings) return std::unexpected(show_usage_error(settings.error().message));
  if (needs_model && settings->model.empty()) {
    return std::unexpected(show_usage_error("no model is set: --model NAME (`pcc nodes` shows them as model=NAME)"));
  }
  auto client = Client::create(settings->client);
  if (!client) return std::unexpected(show_usage_error(client.error().message));
  warn_of_development(settings->client.dev_attestation);
  return Ready{std::move(*settings), std::move(*client)};
}

namespace {

void add_settings(CLI::App& command, Flags& flags) {
  const auto group = "Settings (each also by environment, and in ~/.config/openpcc/client.yaml)";
  command.add_option("--router", flags.router, "Router to ask [OPENPCC_ROUTER, http://127.0.0.1:3600]")
      ->type_name("URL")
      ->group(group);
  command.add_option("--model", flags.model, "Model, asked for as the tag model=NAME [OPENPCC_MODEL]")
      ->type_name("NAME")
      ->group(group);
  command.add_option("--tag", flags.tags, "A tag the node must carry; repeatable [OPENPCC_TAGS, llm]")
      ->type_name("TAG")
      ->expected(1)
      ->take_all()
      ->group(group);
  command
      .add_option("--expect-pcr", flags.expected_pcrs,
                  "The value a PCR must have; repeatable [OPENPCC_EXPECTED_PCRS]; `pcc nodes` shows them")
      ->type_name("N=HEX")
      ->expected(1)
      ->take_all()
      ->group(group);
  command
      .add_flag("--dev-attestation", flags.dev_attestation,
                "Accept development evidence, which proves nothing [OPENPCC_DEV_ATTESTATION]")
      ->group(group);
  command.add_option("--dev-secret", flags.dev_secret, "Its secret [OPENPCC_DEV_SECRET, 123456]")
      ->type_name("TEXT")
      ->group(group);
  command.add_option("--badge", flags.badge, "Your badge; travels sealed [OPENPCC_BADGE]")
      ->type_name("VALUE|@FILE")
      ->group(group);
  command
      .add_option("--wallet-command", flags.wallet_command,
                  "Run as `CMD AMOUNT` or `CMD special`, prints one credit [OPENPCC_WALLET_COMMAND]")
      ->type_name("CMD")
      ->group(group);
  command.add_option("--credit-amount", flags.credit_amount, "Per request [OPENPCC_CREDIT_AMOUNT, 262144]")
      ->type_name("N")
      ->group(group);
  command.add_option("--max-candidates", flags.max_candidates, "Nodes to seal to [OPENPCC_MAX_CANDIDATES, 3]")
      ->type_name("N")
      ->group(group);
  command.add_option("--timeout", flags.timeout, "For a whole request, such as 90s [OPENPCC_TIMEOUT, none]")
      ->type_name("TIME")
      ->group(group);
  command.add_option("--config", flags.config_file, "Another settings file [OPENPCC_CONFIG]")
      ->type_name("FILE")
      ->group(group);
  command.add_flag("--json", flags.json, "One JSON object instead of text");
}

void add_prompt_flags(CLI::App& command, AskFlags& ask_flags, Flags& flags) {
  command.add_option("--system", ask_flags.system, "What the model is told first")->type_name("TEXT");
  command.add_option("--max-tokens", ask_flags.sampling.max_tokens, "The longest answer")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  command.add_option("--temperature", ask_flags.sampling.temperature, "0 always takes the likeliest word")
      ->type_name("X")
      ->check(CLI::Range(0.0, 100.0));
  command.add_option("--seed", ask_flags.sampling.seed, "Repeat the same random choices")->type_name("N");
  command.add_flag("--no-stream", ask_flags.no_stream, "Show the answer only when all of it has come");
  command.add_flag("--show-path,--verbose,-v", flags.show_path, "Show what is checked, sealed and measured, on stderr");
}

CLI::App* add_inspect(CLI::App& app, InspectFlags& flags) {
  auto* command = app.add_subcommand("inspect", "Show an object of the wire, or where and why it is none");
  command->add_option("file", flags.file, "A file; - reads standard input")->type_name("FILE|-")->required();
  command->add_option("--as", flags.kind, "What it is; else found out from the bytes")->type_name("KIND");
  command->add_option("--encoding", flags.encoding, "How its bytes are written: auto, raw, base64, hex [auto]")
      ->type_name("NAME");
  command->add_flag("--shallow", flags.shallow, "Only the object itself, not what its evidence and keys hold");
  command->add_flag("--full", flags.full, "Long values to their end");
  command->add_flag("--json", flags.json, "One JSON object instead of text");
  command->footer(inspect_help());
  return command;
}

int run(int argc, char** argv) {
  CLI::App app("Ask a language model something that nothing between you and it can read.", "pcc");
  app.footer(
      "Examples:\n"
      "  pcc ask \"Why is the sky blue?\"\n"
      "  pcc ask - --model smollm2:135m --show-path < question.txt\n"
      "  pcc chat --system \"Answer in one sentence.\"\n"
      "  pcc nodes --dev-attestation\n"
      "  pcc ask --expect-pcr 12=HEX \"…\"       only a node that serves these very models\n"
      "  pcc inspect --as manifests answer.bin\n\n"
      "Exit codes: 0 answered, 1 the request failed, 2 wrong usage, 3 no node could be verified, 4 the answer was cut\n"
      "off or altered.");
  app.set_version_flag("--version",
                       std::string("pcc ") + OPENPCC_VERSION +
                           (development_attestation_compiled_in() ? " (with development attestation)" : ""));
  app.require_subcommand(1);
  Flags flags;
  AskFlags ask_flags;
  int limit = 100;

  auto* ask_command = app.add_subcommand("ask", "Ask one question");
  ask_command->add_option("prompt", ask_flags.prompt, "The question; - reads it from standard input")->required();
  auto* chat_command = app.add_subcommand("chat", "Talk: every line is answered, the conversation is kept");
  for (auto* command : {ask_command, chat_command}) add_prompt_flags(*command, ask_flags, flags);
  auto* nodes_command = app.add_subcommand("nodes", "Each node, each step of its verification, and why it is refused");
  nodes_command->add_option("--limit", limit, "The most nodes to ask for")->check(CLI::Range(1, 500))->type_name("N");
  auto* ping_command = app.add_subcommand("ping", "Is the router there?");
  for (auto* command : {ask_command, chat_command, nodes_command, ping_command}) add_settings(*command, flags);
  InspectFlags inspect_flags;
  auto* inspect_command = add_inspect(app, inspect_flags);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kAnswered : kWrongUsage;
  }
  if (ask_command->parsed()) return ask(flags, ask_flags);
  if (chat_command->parsed()) return chat(flags, ask_flags);
  if (nodes_command->parsed()) return nodes(flags, limit);
  if (inspect_command->parsed()) return inspect_object(inspect_flags);
  return ping(flags);
}

}  // namespace
}  // namespace openpcc::cli

int main(int argc, char** argv) {
  // Prompts and keys are in this memory: no core dump of it, and no look into it by other processes of the user.
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  try {
    return openpcc::cli::run(argc, argv);
  } catch (const std::exception& error) {
    openpcc::cli::err().line(std::string("pcc: ") + error.what());
    return openpcc::cli::kFailed;
  }
}
