// stub_server.h - a StubRouter behind a real HTTP port on loopback, for tests of the transport and of `pcc`.
#pragma once

#include "stub_router.h"

namespace openpcc::sdk {

class StubServer {
 public:
  // The router must outlive the server. Aborts when no port can be had.
  explicit StubServer(StubRouter& router);
  ~StubServer();
  StubServer(const StubServer&) = delete;
  StubServer& operator=(const StubServer&) = delete;
  [[nodiscard]] std::string url() const;
  // Before each piece of a sealed answer goes out, with its number.
  std::function<void(size_t)> before_piece;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace openpcc::sdk
