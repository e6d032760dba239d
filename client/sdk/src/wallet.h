// wallet.h - where credits come from: nowhere, or a command of the user's own.
//
// The command line is the user's and run by /bin/sh with one word added: the amount, or "special" for a query of
// manifests. Its standard output is one credit, as it goes into X-Credit. Thread-safe.
#pragma once

#include <optional>

#include "errors.h"

namespace openpcc::sdk {

class Wallet {
 public:
  explicit Wallet(std::string command) : command_(std::move(command)) {}
  // Nothing when there is no command: then no credit is sent.
  [[nodiscard]] ClientResult<std::optional<std::string>> credit(const std::string& amount_or_special) const;

 private:
  std::string command_;
};

}  // namespace openpcc::sdk
