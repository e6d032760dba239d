#include "worker/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace openpcc::worker {
namespace {

constexpr double kMostTokensPerSecond = 100'000;  // of one answer: more is a lie, which would spoil the average

using Buckets = prometheus::Histogram::BucketBoundaries;

double seconds(process::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}
double seconds_of(uint32_t microseconds) {
  return microseconds * 1e-6;
}

const char* outcome_of(const Children::Ended& ended) {
  switch (ended.ending) {
    case Ending::kExited:
      if (ended.code == kExitAnswered) return "answered";
      if (ended.code == kExitNotDecrypted) return "not_decrypted";
      return ended.code == kExitNoMemory ? "no_memory" : "failed";
    case Ending::kCrashed:
      return "crashed";
    case Ending::kOvertime:
      return "overtime";
    case Ending::kStopped:
      return "stopped";
  }
  return "failed";
}

}  // namespace

struct Metrics::Families {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests = prometheus::BuildCounter()
                                                          .Name("openpcc_worker_requests_total")
                                                          .Help("Requests by how they ended")
                                                          .Register(registry);
  prometheus::Family<prometheus::Counter>& tokens =
      prometheus::BuildCounter().Name("openpcc_worker_tokens_total").Help("Tokens read and written").Register(registry);
  prometheus::Family<prometheus::Gauge>& children =
      prometheus::BuildGauge().Name("openpcc_worker_children").Help("Children by what they do").Register(registry);
  prometheus::Counter& input = tokens.Add({{"direction", "input"}});
  prometheus::Counter& output = tokens.Add({{"direction", "output"}});
  prometheus::Gauge& running = children.Add({{"state", "running"}});
  prometheus::Gauge& waiting = children.Add({{"state", "waiting"}});
  prometheus::Gauge& queued = prometheus::BuildGauge()
                                  .Name("openpcc_worker_queue")
                                  .Help("Requests that wait for a child")
                                  .Register(registry)
                                  .Add({});
  prometheus::Histogram& fork = histogram("openpcc_worker_fork_seconds", "Making a child, in the parent",
                                          {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2});
  prometheus::Histogram& tpm = histogram("openpcc_worker_tpm_seconds", "A child's wait for its ECDH result",
                                         {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5});
  prometheus::Histogram& first_content =
      histogram("openpcc_worker_first_content_seconds", "From the whole request to the first content of its answer",
                {0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30});
  prometheus::Histogram& rate = histogram("openpcc_worker_tokens_per_second", "Of answers of two tokens and more",
                                          {0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500});

  prometheus::Histogram& histogram(const char* name, const char* help, const Buckets& buckets) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
  }
  void count(const char* outcome) { requests.Add({{"outcome", outcome}}).Increment(); }
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;
Metrics::Metrics(Metrics&&) noexcept = default;
Metrics& Metrics::operator=(Metrics&&) noexcept = default;

void Metrics::ended(const Children::Ended& ended) {
  families_->count(outcome_of(ended));
  if (!ended.report) return;
  const Report& report = *ended.report;
  families_->tpm.Observe(seconds_of(report.tpm_us));
  if (report.first_content_us != 0) families_->first_content.Observe(seconds_of(report.first_content_us));
  families_->input.Increment(report.input_tokens);
  families_->output.Increment(report.output_tokens);
  if (report.output_tokens >= 2 && report.answer_us != 0) {
    const double rate = (report.output_tokens - 1) / seconds_of(report.answer_us);
    if (rate <= kMostTokensPerSecond) families_->rate.Observe(rate);
  }
}

void Metrics::busy() {
  families_->count("busy");
}
void Metrics::failed() {
  families_->count("no_child");
}
void Metrics::made(process::Clock::duration fork_time) {
  families_->fork.Observe(seconds(fork_time));
}
void Metrics::set_children(size_t running, size_t waiting, size_t queued) {
  families_->running.Set(static_cast<double>(running));
  families_->waiting.Set(static_cast<double>(waiting));
  families_->queued.Set(static_cast<double>(queued));
}

std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace openpcc::worker
