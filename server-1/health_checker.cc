#include "health_checker.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <set>

#include "handlers.h"
#include "net/client.h"
#include "net/error_body.h"

namespace openpcc::router {
namespace {

using net::ClientExchange;
using net::Task;

constexpr size_t kErrorBody = 1024;  // of an unhealthy node's words (maxErrorBodyLength of the official checker)
constexpr size_t kMaxAtOnce = 256;   // checks under way; the rest of a round waits
constexpr int kMaxRedirects = 10;    // as Go's client
constexpr std::chrono::milliseconds kPause{5};

// Where a redirect leads; nothing where it cannot be followed.
std::optional<net::Url> redirect_of(const net::Url& from, const net::ResponseHead& head) {
  if (head.status != 301 && head.status != 302 && head.status != 303 && head.status != 307 && head.status != 308) {
    return std::nullopt;
  }
  const std::string_view location = net::field_or_empty(head.fields, "Location");
  if (location.starts_with('/') && !location.starts_with("//")) {
    auto same_server = net::parse_url(from.origin() + std::string(location));
    return same_server ? std::optional(*same_server) : std::nullopt;
  }
  auto url = net::parse_url(location);
  return url ? std::optional(*url) : std::nullopt;
}

}  // namespace

class HealthChecker::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(net::Loop& loop, Shared& shared)
      : loop_(loop), shared_(shared), client_(loop, client_options(shared.settings.healthchecker), shared.tls) {}

  void start() {
    spawn(check_rounds(shared_from_this()));
    spawn(grade_rounds(shared_from_this()));
  }
  std::atomic<bool> stopping = false;

 private:
  static net::ClientOptions client_options(const HealthcheckerSettings& settings) {
    net::ClientOptions out;
    out.connect_timeout = settings.dial_timeout;
    out.head_timeout = settings.request_timeout;
    out.idle_timeout = settings.request_timeout;
    return out;
  }

  void spawn(Task<void> task) { net::asio::co_spawn(loop_.io.get_executor(), std::move(task), net::asio::detached); }

  // Coroutines keep the object alive by their parameter.
  Task<void> check_rounds(std::shared_ptr<Impl> self) {
    auto next = net::Clock::now();
    while (!stopping) {
      next += shared_.settings.healthchecker.interval;
      co_await net::sleep_for(loop_, std::max(next - net::Clock::now(), net::Clock::duration(0)));
      for (auto& target : shared_.registry.health_targets()) {
        while (!stopping && under_way_.size() >= kMaxAtOnce) co_await net::sleep_for(loop_, kPause);
        if (stopping) co_return;
        // A node that is slower than the interval is not asked twice at once.
        if (!under_way_.insert(target.id).second) continue;
        spawn(check_target(self, std::move(target)));
      }
    }
  }

  Task<void> grade_rounds(std::shared_ptr<Impl> self) {
    const auto pause = std::min<net::Clock::duration>(shared_.settings.registry.reevaluate, std::chrono::seconds(1));
    while (!stopping) {
      co_await net::sleep_for(loop_, pause);
      shared_.registry.evaluate_due(now());
    }
    (void)self;
  }

  Task<void> check_target(std::shared_ptr<Impl> self, node::HealthTarget target) {
    node::Check check;
    for (int attempt = 0; attempt < shared_.settings.healthchecker.retries && !stopping; ++attempt) {
      const auto begin = net::Clock::now();
      check = {};
      check.timestamp = now();
      co_await ask(target.url, check);
      check.latency = net::Clock::now() - begin;
      if (check.successful()) break;
    }
    under_way_.erase(target.id);
    if (!check.successful()) {
      // The node's own words stay out of the log: anybody can be a node.
      spdlog::warn("node {} failed its health check: status {}", target.id.to_string(), check.http_status);
    }
    const auto before = shared_.registry.counts().routable;
    shared_.registry.add_check(target, std::move(check), now());
    const auto after = shared_.registry.counts();
    if (after.routable != before) spdlog::info("{} of {} nodes are routable", after.routable, after.known);
    (void)self;
  }

  // One attempt, in request_timeout as a whole.
  Task<void> ask(net::Url url, node::Check& check) {
    net::Canceller canceller;
    net::Deadline deadline(loop_.deadlines, [&] { canceller.cancel(); });
    deadline.set_after(shared_.settings.healthchecker.request_timeout);
    for (int hop = 0; hop <= kMaxRedirects; ++hop) {
      auto exchange = co_await client_.open(url, &canceller);
      if (!exchange) {
        check.error_message = exchange.error().message;
        co_return;
      }
      ClientExchange& request = **exchange;
      canceller.on_cancel = [&request] { request.stream().abort(net::kTimeout); };
      const auto next = co_await ask_once(request, url, check);
      canceller.on_cancel = nullptr;
      if (!next) co_return;
      url = *next;
    }
    check.http_status = 0;
    check.error_message = "too many redirects";
  }

  // Fills in `check`, or says where to ask instead.
  Task<std::optional<net::Url>> ask_once(ClientExchange& request, const net::Url& url, node::Check& check) {
    net::RequestHead head;
    head.method = "GET";
    head.target = url.target;
    head.fields.push_back({"User-Agent", "openpcc-router"});
    const auto sent = co_await request.send(head, {});
    if (!sent) {
      check.error_message = sent.error().message;
      co_return std::nullopt;
    }
    const auto answer = co_await request.read_head();
    if (!answer) {
      check.error_message = answer.error().message;
      co_return std::nullopt;
    }
    if (auto next = redirect_of(url, **answer)) co_return next;
    const int status = (*answer)->status;
    const std::string type(net::field_or_empty((*answer)->fields, "Content-Type"));
    Bytes body;
    while (body.size() <= kErrorBody) {
      const auto piece = co_await request.read_piece();
      if (!piece || piece->empty()) break;
      append(body, *piece);
    }
    check.http_status = status;
    if (!check.successful() && (type == "application/json" || type == "application/octet-stream")) {
      check.error_message = net::error_message(type, ByteView(body).first(std::min(body.size(), kErrorBody)));
    }
    co_return std::nullopt;
  }

  net::Loop& loop_;
  Shared& shared_;
  net::HttpClient client_;
  std::set<UuidV7> under_way_;
};

HealthChecker::HealthChecker(net::Loop& loop, Shared& shared) : impl_(std::make_shared<Impl>(loop, shared)) {}

HealthChecker::~HealthChecker() {
  stop();
}

void HealthChecker::start() {
  impl_->start();
}

void HealthChecker::stop() {
  impl_->stopping = true;
}

}  // namespace openpcc::router
