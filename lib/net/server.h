// server.h - an HTTP/1.1 server on coroutines: bodies streamed both ways, trailers, limits, graceful end.
//
// Each connection lives on one loop; handlers run there and must not block. Nothing is buffered beyond 16 KiB a
// direction: who reads slowly slows its peer down.
#pragma once

#include <atomic>

#include "net/error_body.h"
#include "net/message_io.h"

namespace openpcc::net {

struct ServerOptions {
  std::string address = "0.0.0.0";
  uint16_t port = 0;                                          // 0: any free one
  size_t max_connections = 10'000;                            // more wait in the system's queue
  Clock::duration header_timeout = std::chrono::seconds(30);  // from a request's first byte (of a connection: from its
                                                              // start) to the end of its fields
  Clock::duration read_timeout = std::chrono::seconds(300);   // for a request's whole body
  Clock::duration write_timeout = std::chrono::seconds(300);  // for one write that does not get on
  Clock::duration idle_timeout = std::chrono::seconds(120);   // between requests
  ParserLimits limits;
};

// One request and its response. Used by one coroutine, except that one may read the body while another writes.
class Exchange {
 public:
  [[nodiscard]] RequestHead& request();
  [[nodiscard]] bool has_body() const;
  [[nodiscard]] std::optional<uint64_t> content_length() const;

  // The next piece of the request's body; empty: it is complete. Valid until the next call. Sends "100 Continue" first
  // where the client waits for it.
  [[nodiscard]] Task<Result<ByteView>> read_piece();
  // The next piece, or the end, if it is here already.
  [[nodiscard]] std::optional<Result<ByteView>> buffered_piece();
  // The whole body; more than `max_size` bytes is kTooLarge.
  [[nodiscard]] Task<Result<Bytes>> read_all(size_t max_size);
  // Makes a read_piece() of another coroutine return kCancelled, and every later one.
  void stop_reading();
  [[nodiscard]] const Fields& trailers() const;  // of the request, once its body is complete

  // A whole response. Content-Length and Date are added; no body is sent for HEAD.
  [[nodiscard]] Task<Status> respond(const ResponseHead& head, ByteView body);
  [[nodiscard]] Task<Status> respond(Reply reply, Fields fields = {});
  // A response in pieces: with the length given, or chunked. (To an HTTP/1.0 client: until the connection ends.)
  // Nothing is sent yet: the head goes out with the first piece, with finish(), or by flush().
  [[nodiscard]] Status start(const ResponseHead& head, std::optional<uint64_t> length);
  [[nodiscard]] Task<Status> flush();
  [[nodiscard]] Task<Status> write_piece(ByteView piece);
  // Sends the last piece, if there is one left, and ends the response, in one write. Trailers go out only with chunks.
  [[nodiscard]] Task<Status> finish(ByteView last_piece = {}, const Fields& trailers = {});
  [[nodiscard]] bool started() const { return state_ != State::kNone; }
  [[nodiscard]] int status() const { return status_; }  // of the response; 0 before it was started
  // A response that was started and cannot be finished: the connection is reset, so that no client takes what came for
  // all. Also what happens when a handler returns without finish().
  void abandon();

  // Calls back once if the client goes away while the handler waits for something else. Until the handler returns.
  void watch_for_close(std::function<void()> on_close);

 private:
  friend class ServerConnection;
  // What is read of a body that the handler left, to keep the connection (as much as Go's server).
  static constexpr uint64_t kDrain = 256 * 1024;
  enum class State { kNone, kStarted, kDone, kAbandoned };
  Exchange(Stream& stream, MessageReader& reader, MessageParser& parser, const ServerOptions& options, bool keep_alive);
  void count(ByteView piece);
  [[nodiscard]] Status append_response_head(const ResponseHead& head, std::optional<uint64_t> length, bool whole);
  [[nodiscard]] Task<Status> write_out(ByteView body, std::string_view behind);
  [[nodiscard]] Status add_piece(ByteView piece);
  [[nodiscard]] bool body_allowed(int status) const;
  [[nodiscard]] bool will_drain(bool whole) const;

  Stream& stream_;
  MessageReader& reader_;
  MessageParser& parser_;
  const ServerOptions& options_;
  std::string out_;
  State state_ = State::kNone;
  int status_ = 0;
  bool chunked_ = false;
  bool no_body_ = false;
  std::optional<uint64_t> left_;
  uint64_t body_read_ = 0;
  bool keep_alive_;
  bool expects_continue_ = false;
  bool reading_stopped_ = false;
};

class Handler {
 public:
  virtual ~Handler() = default;
  virtual Task<void> handle(Exchange& exchange) = 0;
};

class Server {
 public:
  // Makes the handler of one loop; called before any connection is taken.
  using MakeHandler = std::function<std::unique_ptr<Handler>(Loop&)>;

  // Listens at once. Connections are spread over all loops. kSystem: the address cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<Server>> listen(Loops& loops, ServerOptions options,
                                                              const MakeHandler& make_handler);
  ~Server();  // the loops must have stopped, or not have started

  [[nodiscard]] uint16_t port() const;
  [[nodiscard]] size_t connections() const;
  // From a thread that runs no loop. Takes no more connections, closes the idle ones, lets requests end for at most
  // `limit`, then cuts what is left. True: nothing had to be cut.
  bool stop(Clock::duration limit);

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace openpcc::net
