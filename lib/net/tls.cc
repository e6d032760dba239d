#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/asio.h"
#include "net/connect.h"
// After the wrapper, which prepares Boost for this compiler.
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>

namespace openpcc::net {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

class AsioTls final : public TlsLayer {
 public:
  AsioTls(TcpSocket& socket, ssl::context& context) : tls(socket, context) {}

  Task<size_t> read_some(MutableByteView out, error_code& error) override {
    const size_t count =
        co_await tls.async_read_some(asio::buffer(out.data(), out.size()), asio::redirect_error(kAwait, error));
    // An end without close_notify stays an error (stream_truncated): an attacker can make one.
    co_return count;
  }
  Task<size_t> write_some(ByteView bytes, error_code& error) override {
    co_return co_await tls.async_write_some(asio::buffer(bytes.data(), bytes.size()),
                                            asio::redirect_error(kAwait, error));
  }

  ssl::stream<TcpSocket&> tls;
};

class AsioTlsContext final : public TlsContext {
 public:
  AsioTlsContext() : context_(ssl::context::tls_client) {}

  Status set_up(const std::string& ca_file) {
    error_code error;
    context_.set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 |
                             ssl::context::no_compression,
                         error);
    if (error) return fail(kTlsFailed, "TLS cannot be set up: " + error.message());
    if (SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION) != 1) {
      return fail(kTlsFailed, "TLS cannot be set up: no version from 1.2 on");
    }
    if (ca_file.empty()) {
      context_.set_default_verify_paths(error);
    } else {
      context_.load_verify_file(ca_file, error);
    }
    if (error) return fail(kTlsFailed, "no trusted certificates: " + error.message());
    context_.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
    if (error) return fail(kTlsFailed, "TLS cannot be set up: " + error.message());
    return {};
  }

  Task<Result<std::unique_ptr<TlsLayer>>> handshake(Stream& stream, std::string host) override {
    auto layer = std::make_unique<AsioTls>(stream.socket(), context_);
    error_code error;
    asio::ip::make_address(host, error);
    const bool is_name = static_cast<bool>(error);
    // SNI carries names only (RFC 6066 §3).
    if (is_name && SSL_set_tlsext_host_name(layer->tls.native_handle(), host.c_str()) != 1) {
      co_return fail(kTlsFailed, "the host name cannot be sent");
    }
    layer->tls.set_verify_callback(ssl::host_name_verification(host), error);
    if (error) co_return fail(kTlsFailed, "TLS cannot be set up: " + error.message());
    co_await layer->tls.async_handshake(ssl::stream_base::client, asio::redirect_error(kAwait, error));
    if (error) {
      if (stream.aborted()) co_return fail(kTimeout, "no TLS connection to " + host + " in time");
      co_return fail(kTlsFailed, "TLS with " + host + " failed: " + reason(layer->tls.native_handle(), error));
    }
    co_return std::move(layer);
  }

 private:
  static std::string reason(SSL* handle, const error_code& error) {
    const long verdict = SSL_get_verify_result(handle);
    if (verdict != X509_V_OK) return X509_verify_cert_error_string(verdict);
    return error.message();
  }

  ssl::context context_;
};

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::create(const std::string& ca_file) {
  try {
    auto context = std::make_shared<AsioTlsContext>();
    OPENPCC_TRY_STATUS(context->set_up(ca_file));
    return context;
  } catch (const std::exception& error) {
    return fail(kTlsFailed, std::string("TLS cannot be set up: ") + error.what());
  }
}

}  // namespace openpcc::net
