// http_engine.cc - hands requests to an OpenAI-compatible server on this machine (vLLM, llama-server, Ollama).
//
// Isolation between requests is then that server's. What is sent and what comes back follow confidentcompute
// computeworker/service.go: the request's path on the server's address, three header fields and nothing of the
// client's; the server's status, fields and body, as they arrive. A stream that ends before its end is a broken answer.
#include <algorithm>
#include <charconv>

#include "bhttp/message.h"
#include "engine/counted_answer.h"
#include "engine/engine.h"
#include "engine/stream_end.h"
#include "net/blocking_client.h"
#include "net/url.h"

namespace openpcc::engine {
namespace {

constexpr uint64_t kMaxAnswer = uint64_t{64} << 20;

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "127.0.0.1";
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

class HttpEngine : public Engine {
 public:
  explicit HttpEngine(HttpConfig config) : config_(std::move(config)) {}

  std::string_view name() const override { return "http"; }
  std::vector<std::string> models() const override { return config_.models; }

  Status load() override {
    OPENPCC_TRY(url_, net::parse_url(config_.base_url));
    if (url_.https || !is_loopback(url_.host)) {
      return fail(kBadConfig,
                  "the server of the engine http must be on this machine: http://127.0.0.1:PORT, not " + url_.origin());
    }
    loaded_ = true;
    return {};
  }

  // The connection, since nothing can be connected after lockdown. A server that is not there fails the request, in
  // handle(), and not the child.
  Status prepare() override {
    const std::chrono::seconds timeout(config_.timeout_seconds);
    net::HttpClientOptions options;
    options.head_timeout = timeout;
    options.idle_timeout = timeout;
    client_.emplace(std::move(options));
    connected_ = client_->connect(url_);
    return {};
  }

  Result<std::optional<Usage>> handle(const Request& request, ResponseSink& sink) override {
    if (!loaded_) {
      return fail(kNotLoaded, "the engine http was not loaded");
    }
    if (!client_) OPENPCC_TRY_STATUS(prepare());
    OPENPCC_TRY_STATUS(connected_);
    net::HttpRequest out;
    out.method = "POST";
    out.url = url_;
    out.url.target = std::string(request.path);
    out.fields = {
        {"Content-Type", "application/json"}, {"Accept", "application/json"}, {"Accept", "application/x-ndjson"}};
    out.body = request.body;
    uint64_t received = 0;
    CountedAnswer counted(request.path);
    std::optional<StreamEnd> end;
    net::HttpCallbacks callbacks;
    callbacks.on_head = [&](const net::ResponseHead& head) {
      if (head.status < 300 &&
          is_stream(request, lower(std::string(net::field_or_empty(head.fields, "content-type"))))) {
        end.emplace(request.path);
      }
      return pass_head(head, sink);
    };
    callbacks.on_body = [&](ByteView piece) -> Status {
      received += piece.size();
      if (received > kMaxAnswer) {
        return fail(kTooLarge, "the server's answer is larger than 64 MiB");
      }
      counted.feed(piece);
      if (end) end->feed(piece);
      return sink.content(piece);
    };
    OPENPCC_TRY(const net::HttpResult result, client_->send(out, callbacks));
    if (end && !end->seen()) {
      return fail(kBadUpstream, "the server's stream ended without the event that says so");
    }
    return counted.finish();
  }

 private:
  static Status pass_head(const net::ResponseHead& head, ResponseSink& sink) {
    bhttp::Fields fields;
    std::optional<uint64_t> length;
    for (const net::Field& field : head.fields) {
      const std::string name = lower(field.name);
      if (name == "content-length") {
        uint64_t value = 0;
        const auto [end, error] = std::from_chars(field.value.data(), field.value.data() + field.value.size(), value);
        if (error == std::errc() && end == field.value.data() + field.value.size()) {
          length = value;
        }
      } else if (name != "transfer-encoding" && name != "trailer") {
        fields.push_back({name, field.value});
      }
    }
    if (head.status < 200 || head.status > 599) {
      return fail(kBadUpstream, "the server answered with status " + std::to_string(head.status));
    }
    return sink.head(head.status, fields, length);
  }

  HttpConfig config_;
  net::Url url_;
  bool loaded_ = false;
  std::optional<net::BlockingHttpClient> client_;
  Status connected_;
};

}  // namespace

std::unique_ptr<Engine> make_http(HttpConfig config) {
  return std::make_unique<HttpEngine>(std::move(config));
}

}  // namespace openpcc::engine
