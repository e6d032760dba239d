// https: the chain and the host's name are verified. The server is OpenSSL itself, with certificates made here.
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "net/blocking_client.h"
#include "net/raw_peer_for_testing.h"

namespace openpcc::net {
namespace {

using namespace std::chrono_literals;

// A self-signed certificate for these names ("DNS:localhost, IP:127.0.0.1"), valid from `begin` to `end` seconds from
// now.
struct Identity {
  explicit Identity(const char* names, long begin = -3600, long end = 3600)
      : key(EVP_EC_gen("P-256")), certificate(X509_new()) {
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), begin);
    X509_gmtime_adj(X509_getm_notAfter(certificate), end);
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, NID_subject_alt_name, names);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(certificate, key, EVP_sha256());
  }
  ~Identity() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  EVP_PKEY* key;
  X509* certificate;
};

// A file with the certificate, as the client's roots.
class RootsFile {
 public:
  explicit RootsFile(const Identity& identity) {
    path_ = std::filesystem::temp_directory_path() / ("openpcc_roots_" + std::to_string(::getpid()) + ".pem");
    BIO* memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, identity.certificate);
    char* data = nullptr;
    const long size = BIO_get_mem_data(memory, &data);
    std::ofstream(path_).write(data, size);
    BIO_free(memory);
  }
  ~RootsFile() { std::filesystem::remove(path_); }
  RootsFile(const RootsFile&) = delete;
  RootsFile& operator=(const RootsFile&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// Answers each connection with these bytes over TLS; with `close_notify` only if told so.
class TlsServer {
 public:
  TlsServer(const Identity& identity, const std::string& answer, bool close_notify, int max_version = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free), server_([=, this](RawPeer& peer) {
          SSL* ssl = SSL_new(context_.get());
          SSL_set_fd(ssl, peer.descriptor());
          if (SSL_accept(ssl) == 1) {
            char request[4096];
            (void)SSL_read(ssl, request, sizeof(request));
            (void)SSL_write(ssl, answer.data(), static_cast<int>(answer.size()));
            if (close_notify) (void)SSL_shutdown(ssl);
          }
          SSL_free(ssl);
        }) {
    SSL_CTX_use_certificate(context_.get(), identity.certificate);
    SSL_CTX_use_PrivateKey(context_.get(), identity.key);
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_.get(), max_version);
    SSL_CTX_set_security_level(context_.get(), 0);
  }
  [[nodiscard]] Result<HttpResult> fetch(const std::string& host, const std::string& roots) const {
    HttpClientOptions options;
    options.connect_timeout = options.head_timeout = options.idle_timeout = 5s;
    options.ca_file = roots;
    HttpRequest request;
    request.url = parse_url("https://" + host + ":" + std::to_string(server_.port())).value();
    return BlockingHttpClient(options).fetch(request, 1000);
  }

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  RawServer server_;  // ends first
};

constexpr const char* kNames = "DNS:localhost,IP:127.0.0.1";
const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

TEST(Tls, AVerifiedServerAnswers) {
  const Identity identity(kNames);
  const RootsFile roots(identity);
  const TlsServer server(identity, kAnswer, true);
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const auto got = server.fetch(host, roots.path());
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(as_text(got->body), "hello");
  }
}

TEST(Tls, AnUntrustedOrWrongCertificateIsRefused) {
  const Identity good(kNames);
  const Identity other(kNames);
  const Identity elsewhere("DNS:example.com");
  const Identity expired(kNames, -7200, -3600);
  const Identity future(kNames, 3600, 7200);
  struct Row {
    const char* what;
    const Identity& shown;
    const Identity& trusted;
  };
  for (const Row& row : {Row{"unknown root", other, good}, Row{"another name", elsewhere, elsewhere},
                         Row{"expired", expired, expired}, Row{"not yet valid", future, future}}) {
    const RootsFile roots(row.trusted);
    const TlsServer server(row.shown, kAnswer, true);
    for (const char* host : {"localhost", "127.0.0.1"}) {
      const auto got = server.fetch(host, roots.path());
      ASSERT_FALSE(got) << row.what;
      EXPECT_EQ(got.error().code, kTlsFailed) << row.what << ": " << got.error().message;
    }
  }
  const TlsServer server(good, kAnswer, true);
  EXPECT_EQ(server.fetch("localhost", "").error().code, kTlsFailed) << "the system's roots do not know it";
  EXPECT_EQ(server.fetch("localhost", "/no/such/file").error().code, kTlsFailed);
}

TEST(Tls, OldVersionsAreRefused) {
  const Identity identity(kNames);
  const RootsFile roots(identity);
  const TlsServer old(identity, kAnswer, true, TLS1_1_VERSION);
  EXPECT_EQ(old.fetch("localhost", roots.path()).error().code, kTlsFailed);
  const TlsServer newer(identity, kAnswer, true, TLS1_2_VERSION);
  EXPECT_TRUE(newer.fetch("localhost", roots.path()));
}

TEST(Tls, ACutIsACut) {
  const Identity identity(kNames);
  const RootsFile roots(identity);
  for (const bool notify : {false, true}) {
    for (const size_t size : {kAnswer.size() - 1, size_t{20}, size_t{0}}) {
      const TlsServer server(identity, kAnswer.substr(0, size), notify);
      const auto got = server.fetch("localhost", roots.path());
      ASSERT_FALSE(got) << size;
      EXPECT_EQ(got.error().code, kCutOff) << size << " " << got.error().message;
    }
  }
}

TEST(Tls, APlainServerIsATlsError) {
  RawServer plain([](RawPeer& peer) { peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); });
  HttpRequest request;
  request.url = parse_url("https://localhost:" + std::to_string(plain.port())).value();
  EXPECT_EQ(BlockingHttpClient().fetch(request, 10).error().code, kTlsFailed);
}

}  // namespace
}  // namespace openpcc::net
