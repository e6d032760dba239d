// metrics.h - what compute_worker counts, in Prometheus' text format. No label and no value says anything of a
// request's content, or of who asked.
#pragma once

#include <memory>
#include <string>

#include "worker/children.h"

namespace openpcc::worker {

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(Metrics&&) noexcept;
  Metrics& operator=(Metrics&&) noexcept;

  void ended(const Children::Ended& ended);
  void busy();    // a start that was refused, at once or after its time in the queue
  void failed();  // a start for which no child could be made
  void made(process::Clock::duration fork_time);
  void set_children(size_t running, size_t waiting, size_t queued);

  // At most 64 KiB.
  [[nodiscard]] std::string text() const;

 private:
  struct Families;
  std::unique_ptr<Families> families_;
};

}  // namespace openpcc::worker
