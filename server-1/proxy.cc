// POST /: a sealed request goes to one of its candidates, the sealed response comes back, both in pieces as they
// arrive. The router holds no key, and nothing of a body beyond the pieces under way.
#include <spdlog/spdlog.h>

#include "base/base64.h"
#include "handlers.h"
#include "net/client.h"
#include "net/server.h"
#include "proxy_fields.h"

namespace openpcc::router {
namespace {

using net::ClientExchange;
using net::Exchange;
using net::Reply;
using net::Task;

// A client that waits longer than this for the response is watched: when it goes, the node need not go on.
constexpr std::chrono::milliseconds kWatchAfter{100};
// A body up to this size that is here already goes out in one write with its head.
constexpr size_t kSmallBody = net::MessageReader::kReserved;

struct Route {
  node::Choice choice;
  std::string encapsulated_key;
  int64_t amount = 0;
  std::unique_ptr<Transaction> transaction;
};

// The way of a request's body to the node, beside the coroutine that waits for the response.
struct Upload {
  explicit Upload(net::Loop& loop) : ended(loop.io) {}
  Status status;
  bool too_large = false;
  net::Event ended;
};

class Proxy final : public net::Handler {
 public:
  Proxy(net::Loop& loop, Shared& shared)
      : loop_(loop), shared_(shared), client_(loop, client_options(shared.settings), shared.tls) {}

  Task<void> handle(Exchange& exchange) override {
    auto route = co_await find_route(exchange);
    if (!route) {
      (void)co_await exchange.respond(route.error());
      co_return;
    }
    // From here on, whatever returns without settle() rolls the transaction back.
    co_await forward(exchange, *route);
  }

 private:
  static net::ClientOptions client_options(const Settings& settings) {
    net::ClientOptions out;
    out.connect_timeout = settings.upstream.dial_timeout;
    out.head_timeout = settings.upstream.response_timeout;
    out.idle_timeout = settings.upstream.idle_timeout;
    return out;
  }

  // Steps 1 to 4 of G.4: whom to ask, and what it costs; or the refusal.
  Task<std::expected<Route, Reply>> find_route(Exchange& exchange) {
    const net::Fields& fields = exchange.request().fields;
    const auto info = read_routing_info(fields);
    if (!info) co_return std::unexpected(net::protobuf_error(400, "invalid routing info in X-Routing-Info header"));
    const auto credit = shared_.payments->read(fields);
    if (!credit) co_return std::unexpected(net::protobuf_error(400, "invalid credit in X-Credit header"));
    const auto amount = shared_.payments->amount(*credit);
    if (!amount) co_return std::unexpected(net::protobuf_error(400, "invalid credit value"));
    Route route;
    auto choice = shared_.registry.choose(*info, system_random);
    if (!choice) co_return std::unexpected(net::protobuf_error(404, "all candidate nodes unavailable"));
    if (exchange.content_length().value_or(0) > shared_.settings.http.body_limit) {
      co_return std::unexpected(net::protobuf_error(413, "request body too large"));
    }
    route.choice = *std::move(choice);
    route.encapsulated_key = to_base64(info->candidates[route.choice.candidate].encapsulated_key);
    route.amount = *amount;
    net::Event answered(loop_.io);
    Result<std::unique_ptr<Transaction>> begun = fail(kUnprocessable, "no answer");
    shared_.payments->begin(*credit, [&](Result<std::unique_ptr<Transaction>> got) {
      begun = std::move(got);
      answered.set();
    });
    co_await answered.wait();
    if (!begun) co_return std::unexpected(net::protobuf_error(400, "unprocessable credit"));
    route.transaction = *std::move(begun);
    co_return route;
  }

  static Result<wire::ComputeRequestInfo> read_routing_info(const net::Fields& fields) {
    OPENPCC_TRY(const Bytes bytes, from_base64(net::field_or_empty(fields, "X-Routing-Info")));
    return wire::decode_request_info(bytes);
  }

  Task<void> forward(Exchange& exchange, Route& route) {
    const node::RoutingEntry& node = *route.choice.node;
    net::Canceller canceller;
    net::Deadline patience(loop_.deadlines, [&] { exchange.watch_for_close([&] { canceller.cancel(); }); });
    auto upstream = co_await client_.open(node.url, &canceller);
    if (!upstream) {
      co_await fail_before_response(exchange, node, upstream.error());
      co_return;
    }
    ClientExchange& request = **upstream;
    canceller.on_cancel = [&request] { request.stream().abort(net::kCancelled); };

    net::RequestHead head;
    head.method = "POST";
    head.target = node.url.target;
    head.fields = fields_for_node(exchange.request().fields, std::move(route.encapsulated_key), route.amount);

    Bytes first;  // what of the body is here already
    bool complete = false;
    while (!complete && first.size() < kSmallBody) {
      auto piece = exchange.buffered_piece();
      if (!piece || !*piece) break;  // a malformed body shows in the upload
      complete = (*piece)->empty();
      append(first, **piece);
    }
    if (complete && first.size() <= shared_.settings.http.body_limit) {
      patience.set_after(kWatchAfter);
      const auto sent = co_await request.send(head, first);
      if (!sent) {
        co_await fail_before_response(exchange, node, sent.error());
        co_return;
      }
      co_await relay_response(exchange, request, route, nullptr);
      co_return;
    }
    const auto sent = co_await request.send_head(head, exchange.content_length());
    if (!sent) {
      co_await fail_before_response(exchange, node, sent.error());
      co_return;
    }
    Upload upload(loop_);
    asio_spawn(upload_body(exchange, request, first, upload, patience));
    co_await relay_response(exchange, request, route, &upload);
    if (!upload.ended.is_set()) {  // answered without the whole body, or failed
      request.stream().abort(net::kCancelled);
      exchange.stop_reading();
      co_await upload.ended.wait();
    }
  }

  void asio_spawn(Task<void> task) {
    net::asio::co_spawn(loop_.io.get_executor(), std::move(task), net::asio::detached);
  }

  Task<void> upload_body(Exchange& exchange, ClientExchange& request, const Bytes& first, Upload& upload,
                         net::Deadline& patience) {
    upload.status = co_await copy_body(exchange, request, first, upload);
    if (upload.status) {
      patience.set_after(kWatchAfter);
    } else if (upload.too_large || upload.status.error().code != net::kCutOff || !request_sound(request)) {
      request.stream().abort(net::kCancelled);
    }
    upload.ended.set();
  }

  // After a write failed, the node may still have answered: then its answer counts.
  static bool request_sound(ClientExchange& request) { return !request.stream().aborted(); }

  Task<Status> copy_body(Exchange& exchange, ClientExchange& request, const Bytes& first, Upload& upload) {
    const uint64_t limit = shared_.settings.http.body_limit;
    uint64_t size = first.size();
    if (size <= limit) OPENPCC_CO_TRY_STATUS(co_await request.send_piece(first));
    while (size <= limit) {
      const auto piece = co_await exchange.read_piece();
      if (!piece) {
        request.stream().abort(net::kCancelled);  // the client is gone or sends nonsense
        co_return std::unexpected(piece.error());
      }
      if (piece->empty()) co_return co_await request.end_body();
      size += piece->size();
      if (size <= limit) OPENPCC_CO_TRY_STATUS(co_await request.send_piece(*piece));
    }
    upload.too_large = true;
    co_return fail(net::kTooLarge, "the body is larger than the limit");
  }

  Task<void> relay_response(Exchange& exchange, ClientExchange& request, Route& route, const Upload* upload) {
    const node::RoutingEntry& node = *route.choice.node;
    const auto head = co_await request.read_head();
    if (!head) {
      if (upload != nullptr && upload->too_large) {
        (void)co_await exchange.respond(net::protobuf_error(413, "request body too large"));
        co_return;
      }
      if (upload != nullptr && !upload->status && upload->status.error().code == net::kBadHttp) {
        (void)co_await exchange.respond(net::text_error(400, "Bad Request"));
        co_return;
      }
      co_await fail_before_response(exchange, node, head.error());
      co_return;
    }
    net::ResponseHead answer;
    answer.status = (*head)->status;
    answer.fields = fields_for_client((*head)->fields, node.id_text);
    const bool has_length = request.content_length().has_value();
    if (const auto started = exchange.start(answer, request.content_length()); !started) {
      co_await fail_before_response(exchange, node, started.error());
      co_return;
    }
    auto piece = request.buffered_piece();
    if (!piece) {
      if (!co_await exchange.flush()) co_return;
      piece.emplace(co_await request.read_piece());
    }
    while (*piece && !(*piece)->empty()) {
      const ByteView bytes = **piece;
      auto next = request.buffered_piece();  // does not move what `bytes` shows
      if (next && *next && (*next)->empty()) {
        co_await end_response(exchange, request, route, bytes, has_length);
        co_return;
      }
      if (!co_await exchange.write_piece(bytes)) co_return;  // the client is gone
      if (!next) next.emplace(co_await request.read_piece());
      piece = std::move(next);
    }
    if (!*piece) {
      spdlog::warn("node {} failed in mid-response: {}", node.id_text, piece->error().message);
      exchange.abandon();
      co_return;
    }
    co_await end_response(exchange, request, route, {}, has_length);
  }

  // Step 7 of G.4: the node's response is complete.
  Task<void> end_response(Exchange& exchange, ClientExchange& request, Route& route, ByteView last_piece,
                          bool has_length) {
    const std::string refund_amount(net::field_or_empty(request.trailers(), "X-Refund-Amount"));
    net::Event answered(loop_.io);
    Result<std::string> refund = fail(kBadRefund, "no answer");
    route.transaction->settle(refund_amount, [&](Result<std::string> got) {
      refund = std::move(got);
      answered.set();
    });
    co_await answered.wait();
    if (!refund) {
      spdlog::error("a response of node {} cannot be settled: {}", route.choice.node->id_text, refund.error().message);
      exchange.abandon();
      co_return;
    }
    net::Fields trailers;
    if (!has_length) trailers = trailers_for_client(std::move(request.trailers()), *std::move(refund));
    (void)co_await exchange.finish(last_piece, trailers);
  }

  static Task<void> fail_before_response(Exchange& exchange, const node::RoutingEntry& node, const Error& error) {
    if (error.code == net::kCancelled) {
      spdlog::debug("a client left before node {} answered", node.id_text);
    } else {
      spdlog::warn("node {} gave no response: {}", node.id_text, error.message);
    }
    (void)co_await exchange.respond(net::text_error(502, "Proxy error"));
  }

  net::Loop& loop_;
  Shared& shared_;
  net::HttpClient client_;
};

}  // namespace

std::unique_ptr<net::Handler> make_proxy_handler(net::Loop& loop, Shared& shared) {
  return std::make_unique<Proxy>(loop, shared);
}

}  // namespace openpcc::router
