#include "wallet.h"

#include <sys/wait.h>

#include <cstdio>

#include "base/base64.h"

namespace openpcc::sdk {
namespace {

constexpr size_t kMaxCredit = 8192;  // base64 characters

}  // namespace

ClientResult<std::optional<std::string>> Wallet::credit(const std::string& amount_or_special) const {
  if (command_.empty()) return std::nullopt;
  std::FILE* pipe = ::popen((command_ + " " + amount_or_special).c_str(), "re");
  if (pipe == nullptr) return failure(Failure::kRequest, kWalletFailed, "the wallet command could not be started");
  std::string output(kMaxCredit + 1, '\0');
  output.resize(std::fread(output.data(), 1, output.size(), pipe));
  const int status = ::pclose(pipe);
  if (status != 0) {
    const std::string how =
        status > 0 && WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status)) : std::string("a signal");
    return failure(Failure::kRequest, kWalletFailed, "the wallet command ended with " + how);
  }
  while (!output.empty() && (output.back() == '\n' || output.back() == '\r')) output.pop_back();
  if (output.empty() || output.size() > kMaxCredit || output.find_first_of("\r\n") != std::string::npos ||
      !from_base64(output)) {
    // The credit is money: it is not shown, not even where it is wrong.
    return failure(Failure::kRequest, kWalletFailed, "the wallet command must print one credit in base64");
  }
  return output;
}

}  // namespace openpcc::sdk
