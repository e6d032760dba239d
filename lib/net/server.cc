#include "net/server.h"

#include <condition_variable>
#include <list>
#include <mutex>
#include <set>

namespace openpcc::net {

class ServerConnection;

namespace {

constexpr std::chrono::seconds kDrainTime{5};
constexpr std::chrono::milliseconds kLinger{500};      // to let a client read the answer before the reset
constexpr std::chrono::milliseconds kAcceptPause{10};  // while there are too many connections or no descriptors

// The part of the server that lives on one loop.
struct Shard {
  explicit Shard(Loop& event_loop) : loop(event_loop) {}
  Loop& loop;
  std::unique_ptr<Handler> handler;
  std::set<ServerConnection*> connections;
  bool stopping = false;
};

}  // namespace

// State that connections share with the server; outlives both.
struct ServerState {
  ServerOptions options;
  std::atomic<size_t> connections = 0;
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::unique_ptr<Shard>> shards;
  std::vector<std::unique_ptr<std::atomic<size_t>>> load;  // connections of each shard
};

class ServerConnection {
 public:
  ServerConnection(std::shared_ptr<ServerState> state, size_t shard, TcpSocket socket)
      : state_(std::move(state)),
        shard_(*state_->shards[shard]),
        load_(*state_->load[shard]),
        stream_(shard_.loop, std::move(socket)),
        reader_(stream_, state_->options.limits.max_head) {
    shard_.connections.insert(this);
  }
  ~ServerConnection() {
    shard_.connections.erase(this);
    --load_;
    --state_->connections;
    const std::lock_guard lock(state_->mutex);
    state_->changed.notify_all();
  }
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  Task<void> run() {
    const ServerOptions& options = state_->options;
    stream_.expire_reads_after(options.header_timeout);
    for (bool first = true; !shard_.stopping; first = false) {
      idle_ = true;
      if (!first) stream_.expire_reads_after(options.idle_timeout);
      if (!first && !reader_.has_buffered()) reader_.release_memory();
      const auto came = co_await reader_.wait_for_bytes();
      if (!came || !*came) co_return;
      idle_ = false;
      stream_.expire_reads_after(options.header_timeout);
      const bool again = co_await one_request();
      if (!again) co_return;
    }
  }

  void close_if_idle() {
    if (idle_) stream_.abort(kCancelled);
  }
  void cut() { stream_.abort(kCancelled); }

 private:
  Task<bool> one_request() {
    MessageParser parser = MessageParser::request(state_->options.limits);
    const auto head = co_await reader_.read_head(parser);
    if (!head) {
      co_await refuse(head.error());
      co_return false;
    }
    if (!*head) co_return false;
    stream_.expire_reads_after(state_->options.read_timeout);
    if (parser.done()) stream_.no_read_deadline();
    Exchange exchange(stream_, reader_, parser, state_->options, !shard_.stopping);
    // A client of HTTP/1.0 is not waiting for anything (RFC 9110 §10.1.1).
    if (find_field(parser.request_head().fields, "Expect") != nullptr && !exchange.expects_continue_ &&
        !parser.done() && parser.http11()) {
      exchange.keep_alive_ = false;
      co_return co_await end(exchange, parser, text_error(417, "Expectation Failed"));
    }
    try {
      co_await shard_.handler->handle(exchange);
    } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch): what follows answers for it
      // A defect or out of memory: this request fails, the server goes on. What it says stays unsaid.
    }
    stream_.unwatch();
    if (!exchange.started()) co_return co_await end(exchange, parser, text_error(500, "Internal Server Error"));
    co_return co_await settle(exchange, parser);
  }

  Task<bool> end(Exchange& exchange, MessageParser& parser, Reply reply) {
    (void)co_await exchange.respond(std::move(reply));
    co_return co_await settle(exchange, parser);
  }

  // After the response: may the connection be used again?
  Task<bool> settle(Exchange& exchange, MessageParser& parser) {
    if (exchange.state_ != Exchange::State::kDone) {
      stream_.reset();
      co_return false;
    }
    if (exchange.keep_alive_) {
      uint64_t drained = 0;
      stream_.expire_reads_after(std::min<Clock::duration>(state_->options.read_timeout, kDrainTime));
      while (!parser.done() && drained <= Exchange::kDrain) {
        const auto piece = co_await reader_.read_piece(parser);
        if (!piece) break;
        drained += piece->size();
      }
      if (parser.done()) co_return true;
    }
    if (!parser.done() || reader_.has_buffered()) co_await linger();
    co_return false;
  }

  Task<void> refuse(const Error& error) {
    if (error.code != kBadHttp && error.code != kTooLarge) co_return;  // the client is gone, or too slow
    const char* answer =
        error.code == kTooLarge
            ? "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
              "Connection: close\r\n\r\n431 Request Header Fields Too Large"
            : "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
              "Connection: close\r\n\r\n400 Bad Request";
    stream_.expire_writes_after(kLinger);
    const ByteView parts[] = {as_bytes(answer)};
    if (co_await stream_.write(parts)) co_await linger();
  }

  // Closing while the client still sends would reset the connection and take the answer with it.
  Task<void> linger() {
    stream_.end_writing();
    stream_.expire_reads_after(kLinger);
    Bytes sink(MessageReader::kReserved);
    for (uint64_t seen = 0; seen < 64 * Exchange::kDrain;) {
      const auto count = co_await stream_.read_some(sink);
      if (!count || *count == 0) co_return;
      seen += *count;
    }
  }

  std::shared_ptr<ServerState> state_;
  Shard& shard_;
  std::atomic<size_t>& load_;
  Stream stream_;
  MessageReader reader_;
  bool idle_ = true;
};

namespace {

Task<void> run_connection(std::shared_ptr<ServerState> state, size_t shard, TcpSocket socket) {
  ServerConnection connection(std::move(state), shard, std::move(socket));
  co_await connection.run();
}

Task<void> accept_all(std::shared_ptr<ServerState> state, std::shared_ptr<TcpAcceptor> acceptor) {
  Loop& home = state->shards[0]->loop;
  while (acceptor->is_open()) {
    if (state->connections >= state->options.max_connections) {
      co_await sleep_for(home, kAcceptPause);
      continue;
    }
    size_t least = 0;
    for (size_t i = 1; i < state->load.size(); ++i) {
      if (*state->load[i] < *state->load[least]) least = i;
    }
    auto& io = state->shards[least]->loop.io;
    boost::system::error_code error;
    TcpSocket socket = co_await acceptor->async_accept(io.get_executor(), asio::redirect_error(kAwait, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {  // no descriptors or memory: try again a little later
      co_await sleep_for(home, kAcceptPause);
      continue;
    }
    ++*state->load[least];
    ++state->connections;
    asio::co_spawn(io.get_executor(), run_connection(state, least, std::move(socket)), asio::detached);
  }
}

}  // namespace

class Server::Impl {
 public:
  std::shared_ptr<ServerState> state = std::make_shared<ServerState>();
  std::shared_ptr<TcpAcceptor> acceptor;
  uint16_t port = 0;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() {
  // Handlers own sockets of their loops, and coroutines that never ended may keep the state until the loops are gone.
  for (auto& shard : impl_->state->shards) shard->handler.reset();
}

uint16_t Server::port() const {
  return impl_->port;
}
size_t Server::connections() const {
  return impl_->state->connections;
}

Result<std::unique_ptr<Server>> Server::listen(Loops& loops, ServerOptions options, const MakeHandler& make_handler) {
  auto impl = std::make_unique<Impl>();
  const std::string where = options.address + ":" + std::to_string(options.port);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) return fail(kSystem, "'" + options.address + "' is no IP address to listen on");
  impl->acceptor = std::make_shared<TcpAcceptor>(loops[0].io);
  const asio::ip::tcp::endpoint endpoint(address, options.port);
  const auto step = [&](auto call) {
    if (!error) call();
  };
  step([&] { impl->acceptor->open(endpoint.protocol(), error); });
  step([&] { impl->acceptor->set_option(asio::socket_base::reuse_address(true), error); });
  step([&] { impl->acceptor->bind(endpoint, error); });
  step([&] { impl->acceptor->listen(asio::socket_base::max_listen_connections, error); });
  if (error) return fail(kSystem, "cannot listen on " + where + ": " + error.message());
  impl->port = impl->acceptor->local_endpoint(error).port();

  ServerState& state = *impl->state;
  state.options = std::move(options);
  for (size_t i = 0; i < loops.size(); ++i) {
    state.shards.push_back(std::make_unique<Shard>(loops[i]));
    state.shards.back()->handler = make_handler(loops[i]);
    state.load.push_back(std::make_unique<std::atomic<size_t>>(0));
  }
  asio::co_spawn(loops[0].io.get_executor(), accept_all(impl->state, impl->acceptor), asio::detached);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

bool Server::stop(Clock::duration limit) {
  auto state = impl_->state;
  asio::post(state->shards[0]->loop.io, [acceptor = impl_->acceptor] {
    boost::system::error_code ignored;
    acceptor->close(ignored);
  });
  const auto each = [&](auto call) {
    for (auto& shard : state->shards) {
      asio::post(shard->loop.io, [state, &target = *shard, call] {
        const auto connections = target.connections;  // a copy: calls may remove from it
        target.stopping = true;
        for (ServerConnection* connection : connections) call(*connection);
      });
    }
  };
  each([](ServerConnection& connection) { connection.close_if_idle(); });
  std::unique_lock lock(state->mutex);
  const auto none = [&] { return state->connections == 0; };
  if (state->changed.wait_for(lock, limit, none)) return true;
  each([](ServerConnection& connection) { connection.cut(); });
  state->changed.wait_for(lock, std::chrono::seconds(1), none);
  return false;
}

}  // namespace openpcc::net
