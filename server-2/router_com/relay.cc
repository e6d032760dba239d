#include "router_com/relay.h"

#include <spdlog/spdlog.h>

#include <csignal>

#include "base/base64.h"
#include "base/byte_io.h"
#include "wire/worker_output.h"

namespace openpcc::router_com {
namespace {

constexpr auto kEndLimit = std::chrono::seconds(5);
constexpr size_t kReadSize = 32 * 1024;

// Built outside of coroutines: g++ 12 takes no initializer lists inside them, and destroys some temporaries twice.
net::ResponseHead answer_head(const std::string& media_type) {
  return {.status = 200, .fields = {{"Content-Type", media_type}, {"Trailer", "X-Refund-Amount"}}};
}
net::Fields refund_trailer(const std::optional<wire::Currency>& refund) {
  if (!refund) return {};
  return {{"X-Refund-Amount", to_base64(wire::encode(*refund))}};
}
Bytes head_message(const RelayRequest& request) {
  return worker::encode(worker::RequestHead{.media_type = request.media_type,
                                            .encapsulated_key = request.encapsulated_key,
                                            .rek_point = request.rek_point,
                                            .credit_amount = request.credit_amount});
}
void append_message(Bytes& out, ByteView body) {
  append_u32(out, static_cast<uint32_t>(body.size()));
  append(out, body);
}
net::Reply failure_reply() {
  return net::protobuf_error(500, "internal server error");
}
// What a child's end means to the client. An official node says "internal server error" to all but the first.
net::Reply reply_to_end(const HowEnded& how) {
  const bool exited = how.ending == worker::Ending::kExited;
  if (exited && how.code == worker::kExitNotDecrypted) {
    return net::protobuf_error(400, "failed to decapsulate encrypted request");
  }
  if (exited && how.code == worker::kExitNoMemory) {
    return net::protobuf_error(500, "the request needed more memory than this node allows");
  }
  if (how.ending == worker::Ending::kOvertime) {
    return net::protobuf_error(500, "the request took longer than this node allows");
  }
  // Nobody of ours sends this unasked: the system took it back its memory.
  if (how.ending == worker::Ending::kCrashed && how.code == SIGKILL) {
    return net::protobuf_error(500, "the request's worker was killed: this node is short of memory");
  }
  if (how.ending == worker::Ending::kCrashed) return net::protobuf_error(500, "the request's worker crashed");
  return failure_reply();
}
std::string words_for(const HowEnded& how) {
  switch (how.ending) {
    case worker::Ending::kExited:
      return "exit status " + std::to_string(how.code);
    case worker::Ending::kCrashed:
      return "signal " + std::to_string(how.code);
    case worker::Ending::kOvertime:
      return "over its time";
    case worker::Ending::kStopped:
      return "stopped";
  }
  return "unknown";
}
net::Fields retry_soon() {
  return {{"Retry-After", "1"}};
}

// What one read of the worker's output held.
class OutputCollector : public wire::WorkerOutputReader::Handler {
 public:
  Status on_header(wire::OutputHeader output_header) override {
    header = std::move(output_header);
    return {};
  }
  Status on_data(ByteView bytes) override {
    append(data, bytes);
    return {};
  }
  Status on_footer(std::optional<wire::Currency> value) override {
    footer = true;
    refund = value;
    return {};
  }

  std::optional<wire::OutputHeader> header;
  Bytes data;
  bool footer = false;
  std::optional<wire::Currency> refund;
};

class Relay {
 public:
  Relay(const RelayParts& parts, net::Exchange& exchange, net::Clock::time_point begin, RequestBody body,
        StartedWorker worker)
      : loop_(parts.loop),
        exchange_(exchange),
        metrics_(parts.metrics),
        begin_(begin),
        body_(std::move(body)),
        worker_(std::move(worker)),
        socket_(loop_.io, net::asio::local::stream_protocol(), worker_.socket.release()),
        upload_done_(loop_.io) {}

  net::Task<Outcome> run(const RelayRequest& request);

 private:
  static net::Task<void> upload_in_background(Relay& relay);
  net::Task<bool> upload();
  net::Task<bool> send_parts(ByteView bytes);
  net::Task<bool> write(ByteView bytes);
  net::Task<void> download();
  net::Task<bool> pass_on(OutputCollector& output);
  net::Task<Outcome> no_answer();
  net::Task<void> stop_upload();
  void watch_client();
  void lose_client();
  void close_worker();

  net::Loop& loop_;
  net::Exchange& exchange_;
  Metrics& metrics_;
  net::Clock::time_point begin_;
  RequestBody body_;
  StartedWorker worker_;
  net::LocalSocket socket_;
  net::Event upload_done_;
  bool uploaded_ = false;     // the worker has the whole body
  bool client_gone_ = false;  // nobody is left to answer
  bool finished_ = false;     // the answer went out whole
  bool worker_closed_ = false;
};

net::Task<bool> Relay::write(ByteView bytes) {
  while (!bytes.empty()) {
    boost::system::error_code error;
    const size_t sent = co_await socket_.async_write_some(net::asio::const_buffer(bytes.data(), bytes.size()),
                                                          net::asio::redirect_error(net::kAwait, error));
    if (error) co_return false;
    bytes = bytes.subspan(sent);
  }
  co_return true;
}

// As messages of the size that a worker takes.
net::Task<bool> Relay::send_parts(ByteView bytes) {
  while (!bytes.empty()) {
    const ByteView part = bytes.first(std::min(bytes.size(), worker::kMaxBodyPart));
    bytes = bytes.subspan(part.size());
    Bytes framed;
    framed.reserve(4 + part.size());
    append_message(framed, part);
    if (!co_await write(framed)) co_return false;
  }
  co_return true;
}

// True: the worker has it all. An error of the worker's socket shows on its other side.
net::Task<bool> Relay::upload() {
  if (!co_await send_parts(body_.bytes)) co_return false;
  body_.bytes = Bytes();
  while (!body_.complete) {
    const auto piece = co_await exchange_.read_piece();
    if (!piece) {
      if (piece.error().code != net::kCancelled) lose_client();
      co_return false;
    }
    body_.complete = piece->empty();
    if (body_.complete) watch_client();
    if (!co_await send_parts(*piece)) co_return false;
  }
  Bytes end;
  append_message(end, {});
  if (!co_await write(end)) co_return false;
  uploaded_ = true;
  co_return true;
}

void Relay::watch_client() {
  exchange_.watch_for_close([this] { lose_client(); });
}

net::Task<void> Relay::upload_in_background(Relay& relay) {
  (void)co_await relay.upload();
  relay.upload_done_.set();
}

// Afterwards the upload has ended, and one that was not complete leaves the connection unfit for another request.
net::Task<void> Relay::stop_upload() {
  if (upload_done_.is_set()) co_return;
  if (!uploaded_) {
    exchange_.stop_reading();
    boost::system::error_code ignored;
    socket_.cancel(ignored);
  }
  co_await upload_done_.wait();
}

void Relay::lose_client() {
  if (client_gone_ || finished_) return;
  client_gone_ = true;
  close_worker();
}

// The worker may be anywhere, also in the middle of a long prompt: its parent ends it.
void Relay::close_worker() {
  if (std::exchange(worker_closed_, true)) return;
  WorkerLink::stop(worker_);
  boost::system::error_code ignored;
  socket_.close(ignored);
}

// False: the exchange is over.
net::Task<bool> Relay::pass_on(OutputCollector& output) {
  if (output.header) {
    const net::ResponseHead head = answer_head(output.header->media_type);
    output.header.reset();
    metrics_.first_byte(net::Clock::now() - begin_);
    if (!uploaded_) {
      // An answer before the end of the question: the rest of it is not wanted.
      co_await stop_upload();
    }
    if (!exchange_.start(head, std::nullopt)) co_return false;
    if (output.data.empty() && !output.footer && !co_await exchange_.flush()) co_return false;
  }
  const Bytes data = std::exchange(output.data, {});
  if (!output.footer) co_return data.empty() || co_await exchange_.write_piece(data);
  const net::Fields trailers = refund_trailer(output.refund);
  finished_ = true;
  if (!co_await exchange_.finish(data, trailers)) finished_ = false;
  co_return false;
}

net::Task<void> Relay::download() {
  OutputCollector output;
  wire::WorkerOutputReader reader(output);
  Bytes buffer(kReadSize);
  while (!client_gone_) {
    boost::system::error_code error;
    const size_t got = co_await socket_.async_read_some(net::asio::mutable_buffer(buffer.data(), buffer.size()),
                                                        net::asio::redirect_error(net::kAwait, error));
    if (error || got == 0) break;
    if (const auto read = reader.feed(ByteView(buffer).first(got)); !read) {
      spdlog::error("a worker broke the framing of its output: {}", read.error().message);
      break;
    }
    if (!co_await pass_on(output)) co_return;
  }
}

// The worker ended before its answer began.
net::Task<Outcome> Relay::no_answer() {
  const auto how = co_await WorkerLink::ended(worker_, kEndLimit);
  if (client_gone_) co_return Outcome::kClientGone;
  const std::string words = how ? words_for(*how) : how.error().message;
  spdlog::log(how && how->code == worker::kExitNotDecrypted ? spdlog::level::debug : spdlog::level::err,
              "a worker ended without an answer ({})", words);
  const net::Reply reply = how ? reply_to_end(*how) : failure_reply();
  const Outcome outcome = reply.status == 400 ? Outcome::kRefused : Outcome::kFailed;
  (void)co_await exchange_.respond(reply);
  co_return outcome;
}

net::Task<Outcome> Relay::run(const RelayRequest& request) {
  if (body_.complete) watch_client();
  Bytes opening;
  append_message(opening, head_message(request));
  // The usual request is one write, and nothing is left to be done beside the answer.
  const bool is_short = body_.complete && body_.bytes.size() <= worker::kMaxBodyPart;
  if (is_short) {
    if (!body_.bytes.empty()) append_message(opening, body_.bytes);
    append_message(opening, {});
    body_.bytes = Bytes();
  }
  if (!co_await write(opening)) {
    upload_done_.set();
  } else if (is_short) {
    uploaded_ = true;
    upload_done_.set();
    co_await download();
  } else {
    net::asio::co_spawn(loop_.io.get_executor(), upload_in_background(*this), net::asio::detached);
    co_await download();
  }
  co_await stop_upload();  // nothing may use the exchange behind the answer
  if (finished_) {
    WorkerLink::finish(worker_);
    co_return Outcome::kAnswered;
  }
  if (!exchange_.started() && !client_gone_) co_return co_await no_answer();
  if (!client_gone_) spdlog::error("a worker's answer broke off");
  exchange_.abandon();
  const Outcome outcome = client_gone_ ? Outcome::kClientGone : Outcome::kCut;
  close_worker();
  co_return outcome;
}

// The answer to a request that no worker saw.
net::Task<Outcome> turn_away(net::Exchange& exchange, const Error& error) {
  if (error.code == kBusy) {
    const net::Reply reply = net::protobuf_error(503, error.message);
    (void)co_await exchange.respond(reply, retry_soon());
    co_return Outcome::kNoneFree;
  }
  if (error.code == kNoWorker) {
    spdlog::error("{}", error.message);
    const net::Reply reply = failure_reply();
    (void)co_await exchange.respond(reply);
    co_return Outcome::kFailed;
  }
  if (error.code == net::kBadHttp || error.code == net::kTooLarge) {
    const net::Reply reply = net::protobuf_error(400, "failed to read the request: " + error.message);
    (void)co_await exchange.respond(reply);
    co_return Outcome::kRefused;
  }
  exchange.abandon();
  co_return Outcome::kClientGone;
}

net::Task<Outcome> relay_one(const RelayParts& parts, net::Exchange& exchange, const RelayRequest& request) {
  const auto begin = net::Clock::now();
  auto body = co_await receive_body(exchange, parts.link, parts.uploads);
  if (!body) co_return co_await turn_away(exchange, body.error());
  Withdrawal withdrawal;
  if (body->complete) exchange.watch_for_close([&withdrawal] { withdrawal.withdraw(); });
  auto worker = co_await parts.link.start(withdrawal);
  if (!worker) co_return co_await turn_away(exchange, worker.error());
  Relay one(parts, exchange, begin, std::move(*body), std::move(*worker));
  const Outcome outcome = co_await one.run(request);
  co_return outcome;
}

// Counted also when the loop ends in mid-request and destroys the coroutine.
class Counted {
 public:
  explicit Counted(Metrics& metrics) : metrics_(metrics) { metrics_.begun(); }
  ~Counted() { metrics_.ended(outcome, net::Clock::now() - begin_); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  Outcome outcome = Outcome::kCut;

 private:
  Metrics& metrics_;
  net::Clock::time_point begin_ = net::Clock::now();
};

}  // namespace

net::Task<void> relay(RelayParts parts, net::Exchange& exchange, RelayRequest request) {
  Counted counted(parts.metrics);
  counted.outcome = co_await relay_one(parts, exchange, request);
}

}  // namespace openpcc::router_com
