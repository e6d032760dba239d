#include "router_com/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>

namespace openpcc::router_com {
namespace {

constexpr auto kWorkerLimit = std::chrono::seconds(2);
constexpr std::array<const char*, 6> kOutcomes = {"answered", "refused", "busy", "failed", "cut", "client_gone"};

// Built outside of coroutines: g++ 12 takes no initializer lists inside them.
net::Reply text_reply(std::string text) {
  return {200, "text/plain; version=0.0.4; charset=utf-8", std::move(text)};
}
net::Reply not_found() {
  return {404, "text/plain; charset=utf-8", "there is /metrics here, and nothing else\n"};
}

double seconds(net::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

struct Metrics::Families {
  prometheus::Registry registry;
  std::array<prometheus::Counter*, kOutcomes.size()> outcomes{};
  prometheus::Gauge& running = prometheus::BuildGauge()
                                   .Name("openpcc_node_requests_running")
                                   .Help("Requests that are being served, or wait for a child")
                                   .Register(registry)
                                   .Add({});
  prometheus::Histogram& first_byte =
      prometheus::BuildHistogram()
          .Name("openpcc_node_first_byte_seconds")
          .Help("From a request's head to the first sealed byte of its answer")
          .Register(registry)
          .Add({}, prometheus::Histogram::BucketBoundaries{0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30});
  prometheus::Histogram& duration =
      prometheus::BuildHistogram()
          .Name("openpcc_node_request_seconds")
          .Help("From a request's head to its end, however it ended")
          .Register(registry)
          .Add({}, prometheus::Histogram::BucketBoundaries{0.002, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300});

  Families() {
    auto& family = prometheus::BuildCounter()
                       .Name("openpcc_node_requests_total")
                       .Help("Requests by how they ended")
                       .Register(registry);
    for (size_t i = 0; i < kOutcomes.size(); ++i) outcomes[i] = &family.Add({{"outcome", kOutcomes[i]}});
  }
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::begun() {
  families_->running.Increment();
}
void Metrics::first_byte(net::Clock::duration since_begin) {
  families_->first_byte.Observe(seconds(since_begin));
}
void Metrics::ended(Outcome outcome, net::Clock::duration since_begin) {
  families_->running.Decrement();
  families_->outcomes.at(static_cast<size_t>(outcome))->Increment();
  families_->duration.Observe(seconds(since_begin));
}
std::string Metrics::text() const {
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

net::Task<void> MetricsHandler::handle(net::Exchange& exchange) {
  const net::RequestHead& head = exchange.request();
  if (head.method != "GET" || head.target != "/metrics") {
    const net::Reply reply = not_found();
    (void)co_await exchange.respond(reply);
    co_return;
  }
  std::string text = metrics_.text();
  // Without the worker the node's own numbers are still worth having; its absence shows in /_health.
  const auto of_worker = co_await link_.metrics(kWorkerLimit);
  if (of_worker) text += *of_worker;
  const net::Reply reply = text_reply(std::move(text));
  (void)co_await exchange.respond(reply);
}

}  // namespace openpcc::router_com
