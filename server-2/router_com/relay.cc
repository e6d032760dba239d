#include "router_com/relay.h"

#include <spdlog/spdlog.h>

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
  Relay(net::Loop& loop, net::Exchange& exchange, WorkerLink& link, Metrics& metrics, net::Clock::time_point begin,
        StartedWorker worker)
      : loop_(loop),
        exchange_(exchange),
        link_(link),
        metrics_(metrics),
        begin_(begin),
        id_(worker.id),
        socket_(loop.io, net::asio::local::stream_protocol(), worker.socket.release()),
        upload_done_(loop.io) {}

  net::Task<Outcome> run(const RelayRequest& request);

 private:
  static net::Task<void> upload_in_background(Relay& relay);
  net::Task<bool> upload();
  net::Task<bool> send_message(ByteView body);
  net::Task<bool> write(ByteView bytes);
  net::Task<void> download();
  net::Task<bool> pass_on(OutputCollector& output);
  net::Task<Outcome> no_answer();
  net::Task<void> stop_upload();
  void lose_client();
  void close_worker();

  net::Loop& loop_;
  net::Exchange& exchange_;
  WorkerLink& link_;
  Metrics& metrics_;
  net::Clock::time_point begin_;
  uint64_t id_;
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

net::Task<bool> Relay::send_message(ByteView body) {
  Bytes framed;
  framed.reserve(4 + body.size());
  append_u32(framed, static_cast<uint32_t>(body.size()));
  append(framed, body);
  co_return co_await write(framed);
}

// True: the worker has it all. An error of the worker's socket shows on its other side.
net::Task<bool> Relay::upload() {
  while (true) {
    const auto piece = co_await exchange_.read_piece();
    if (!piece) {
      if (piece.error().code != net::kCancelled) lose_client();
      co_return false;
    }
    if (piece->empty()) break;
    for (ByteView rest = *piece; !rest.empty();) {
      const ByteView part = rest.first(std::min(rest.size(), worker::kMaxBodyPart));
      if (!co_await send_message(part)) co_return false;
      rest = rest.subspan(part.size());
    }
  }
  if (!co_await send_message({})) co_return false;
  uploaded_ = true;
  exchange_.watch_for_close([this] { lose_client(); });
  co_return true;
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
  link_.stop(id_);
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
  const auto how = co_await link_.ended(id_, kEndLimit);
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
  const Bytes head = head_message(request);
  if (co_await send_message(head)) {
    net::asio::co_spawn(loop_.io.get_executor(), upload_in_background(*this), net::asio::detached);
    co_await download();
  } else {
    upload_done_.set();
  }
  co_await stop_upload();  // nothing may use the exchange behind the answer
  if (finished_) {
    link_.forget(id_);
    co_return Outcome::kAnswered;
  }
  if (!exchange_.started() && !client_gone_) co_return co_await no_answer();
  if (!client_gone_) spdlog::error("a worker's answer broke off");
  exchange_.abandon();
  const Outcome outcome = client_gone_ ? Outcome::kClientGone : Outcome::kCut;
  close_worker();
  co_return outcome;
}

net::Task<Outcome> relay_one(net::Loop& loop, net::Exchange& exchange, WorkerLink& link, Metrics& metrics,
                             const RelayRequest& request) {
  const auto begin = net::Clock::now();
  auto worker = co_await link.start();
  if (!worker && worker.error().code == kBusy) {
    const net::Reply reply = net::protobuf_error(503, "all workers are busy");
    (void)co_await exchange.respond(reply, retry_soon());
    co_return Outcome::kNoneFree;
  }
  if (!worker) {
    spdlog::error("{}", worker.error().message);
    const net::Reply reply = failure_reply();
    (void)co_await exchange.respond(reply);
    co_return Outcome::kFailed;
  }
  Relay one(loop, exchange, link, metrics, begin, std::move(*worker));
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

net::Task<void> relay(net::Loop& loop, net::Exchange& exchange, WorkerLink& link, Metrics& metrics,
                      RelayRequest request) {
  Counted counted(metrics);
  counted.outcome = co_await relay_one(loop, exchange, link, metrics, request);
}

}  // namespace openpcc::router_com
