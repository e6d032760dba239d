#include <cerrno>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "inspect/text_input.h"
#include "inspect_view.h"
#include "report.h"

namespace openpcc::cli {
namespace {

using inspect::Encoding;
using inspect::Kind;
using inspect::Report;
using Json = nlohmann::ordered_json;

constexpr size_t kMaxInput = size_t{64} << 20;  // the largest object there is: a list of manifests
constexpr ErrorCode kUnreadable{"pcc.unreadable"};

Result<Bytes> read_all(const std::string& name) {
  struct Close {
    void operator()(std::FILE* file) const {
      if (file != stdin) std::fclose(file);
    }
  };
  const std::string shown = name == "-" ? "standard input" : printable(name);
  const std::unique_ptr<std::FILE, Close> file(name == "-" ? stdin : std::fopen(name.c_str(), "rb"));
  if (!file) return fail(kUnreadable, shown + ": " + std::strerror(errno));
  Bytes bytes;
  std::vector<uint8_t> piece(size_t{1} << 16);
  while (std::feof(file.get()) == 0 && std::ferror(file.get()) == 0) {
    append(bytes, ByteView(piece).first(std::fread(piece.data(), 1, piece.size(), file.get())));
    if (bytes.size() > kMaxInput) return fail(kUnreadable, shown + ": more than 64 MiB, which no object has");
  }
  if (std::ferror(file.get()) != 0) return fail(kUnreadable, shown + ": " + std::strerror(errno));
  return bytes;
}

std::string names_of(const std::vector<Kind>& kinds) {
  std::string text;
  for (const Kind kind : kinds) text += (text.empty() ? "" : ", ") + std::string(name_of(kind));
  return text;
}

// All that is said of one input.
class Inspector {
 public:
  Inspector(const InspectFlags& flags, inspect::Decoded input) : flags_(flags), input_(std::move(input)) {}

  int show(Kind kind, bool guessed) const {
    const Report report = inspect::inspect(kind, input_.bytes, {.contents = !flags_.shallow});
    const bool good = report.problems.empty();
    if (flags_.json) {
      Json problems = Json::array();
      for (const auto& problem : report.problems) problems.push_back(to_json(problem));
      out().line(dump_ascii({{"kind", name_of(kind)},
                             {"guessed", guessed},
                             {"encoding", name_of(input_.encoding)},
                             {"size", input_.bytes.size()},
                             {"well_formed", good},
                             {"problems", std::move(problems)},
                             {"object", to_json(report.root)}}));
    } else {
      out().line(std::string(guessed ? "taken for " : "") + std::string(name_of(kind)) + " (" +
                 std::string(title_of(kind)) + "), " + std::to_string(input_.bytes.size()) + " bytes" +
                 (input_.encoding == Encoding::kRaw ? "" : ", from " + std::string(name_of(input_.encoding))));
      out().write(to_text(report.root, flags_.full));
      if (good) out().line(out().coloured(Colour::kGreen, "well-formed"));
      for (const auto& problem : report.problems) err().line("pcc: " + err().coloured(Colour::kRed, to_text(problem)));
    }
    return good ? kAnswered : kFailed;
  }

  int show_guessed() const {
    const inspect::Guess guess = inspect::guess(input_.bytes);
    if (guess.fitting.size() == 1) return show(guess.fitting.front(), true);
    if (!guess.fitting.empty()) {
      const std::string hint = "it could be any of " + names_of(guess.fitting) + ": say which with --as";
      if (!flags_.json) return show_usage_error(hint);
      out().line(dump_ascii({{"kind", nullptr}, {"fitting", list_of(guess.fitting)}, {"error", hint}}));
      return kWrongUsage;
    }
    if (guess.nearest.size() == 1) return show(guess.nearest.front(), true);
    return show_unknown(guess);
  }

 private:
  static Json list_of(const std::vector<Kind>& kinds) {
    Json list = Json::array();
    for (const Kind kind : kinds) list.push_back(name_of(kind));
    return list;
  }

  int show_unknown(const inspect::Guess& guess) const {
    const std::string hint = input_.bytes.empty() ? "there are no bytes: say with --as what they should be"
                                                  : "these " + std::to_string(input_.bytes.size()) +
                                                        " bytes are of no kind; --as says by which rule not";
    Json nearest = Json::object();
    std::string lines;
    for (const Kind kind : guess.nearest) {
      const Report report = inspect::inspect(kind, input_.bytes, {.contents = false});
      nearest[std::string(name_of(kind))] = to_json(report.problems.front());
      lines += "\npcc: as " + std::string(name_of(kind)) + ", " + to_text(report.problems.front());
    }
    if (flags_.json) {
      out().line(dump_ascii({{"kind", nullptr}, {"well_formed", false}, {"nearest", nearest}, {"error", hint}}));
    } else {
      err().line("pcc: " + hint + lines);
    }
    return kFailed;
  }

  const InspectFlags& flags_;
  inspect::Decoded input_;
};

int show_unreadable(const InspectFlags& flags, const Error& error) {
  if (flags.json) {
    out().line(dump_ascii({{"kind", nullptr}, {"well_formed", false}, {"error", error.message}}));
  } else {
    err().line("pcc: " + error.message);
  }
  return kFailed;
}

std::optional<Encoding> encoding_named(std::string_view name) {
  for (const auto encoding : {Encoding::kAuto, Encoding::kRaw, Encoding::kBase64, Encoding::kHex}) {
    if (name == name_of(encoding)) return encoding;
  }
  return std::nullopt;
}

}  // namespace

std::string inspect_help() {
  std::string text = "KIND is one of\n";
  for (const Kind kind : inspect::all_kinds()) {
    std::string name(name_of(kind));
    name.resize(26, ' ');
    text += "  " + name + std::string(title_of(kind)) + "\n";
  }
  return text +
         "\nNothing is decrypted and no signature is checked.\n"
         "Exit codes: 0 well-formed, 1 not, or not readable, 2 wrong usage, or several kinds fit.";
}

int inspect_object(const InspectFlags& flags) {
  const auto encoding = encoding_named(flags.encoding);
  if (!encoding) return show_usage_error("--encoding is auto, raw, base64 or hex");
  const auto kind = inspect::kind_named(flags.kind);
  if (!flags.kind.empty() && !kind) {
    return show_usage_error("--as " + printable(flags.kind) + ": the kinds are " + names_of(inspect::all_kinds()));
  }
  const auto input = read_all(flags.file);
  if (!input) return show_unreadable(flags, input.error());
  auto decoded = inspect::decode_text(*input, *encoding);
  if (!decoded) return show_unreadable(flags, decoded.error());
  const Inspector inspector(flags, std::move(*decoded));
  return kind ? inspector.show(*kind, false) : inspector.show_guessed();
}

}  // namespace openpcc::cli
