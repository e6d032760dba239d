// request_body.h - a sealed request's body, awaited before a worker is asked for.
//
// A worker is the scarce thing. A body that comes slowly takes a place among the uploads instead, which costs memory
// alone, and one that came together with its head, as most do, takes none: no client can keep those out by being slow.
#pragma once

#include <atomic>

#include "net/server.h"
#include "router_com/worker_link.h"

namespace openpcc::router_com {

// Bodies that are still to come, of all loops. Thread-safe.
class Uploads {
 public:
  static constexpr size_t kMost = 128;  // at up to limits::kSealedRequest bytes each

  // Holds a place, if there was one, until it is destroyed.
  class Place {
   public:
    explicit Place(Uploads& uploads);
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    explicit operator bool() const { return taken_; }

   private:
    Uploads& uploads_;
    bool taken_;
  };

 private:
  std::atomic<size_t> count_ = 0;
};

struct RequestBody {
  Bytes bytes;
  bool complete = false;  // or there is more, after limits::kSealedRequest bytes: the worker will refuse it
};

// Of a body that is not here yet the worker is asked first whether it has room: kBusy and kNoWorker come before any of
// it is read. Other errors are the client's connection.
[[nodiscard]] net::Task<Result<RequestBody>> receive_body(net::Exchange& exchange, WorkerLink& link, Uploads& uploads);

}  // namespace openpcc::router_com
