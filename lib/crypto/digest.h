// digest.h - SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104). Thread-safe; inputs may come from anyone.
#pragma once

#include <array>
#include <initializer_list>

#include <memory>

#include "base/bytes.h"

struct evp_md_ctx_st;  // OpenSSL's EVP_MD_CTX

namespace openpcc::crypto {

// OpenSSL refused an operation that does not depend on the input (no memory, no such algorithm): nothing can be done
// with this process's cryptography. Every function of this library may return it.
inline constexpr ErrorCode kUnavailable{"crypto.unavailable"};

inline constexpr size_t kSha256Size = 32;
using Sha256Digest = std::array<uint8_t, kSha256Size>;

[[nodiscard]] Result<Sha256Digest> sha256(ByteView data);

// Over the parts, one after the other, as if they were one text. Wipe the result where the key is a secret and the
// result is one too.
[[nodiscard]] Result<Sha256Digest> hmac_sha256(ByteView key, std::initializer_list<ByteView> parts);
[[nodiscard]] Result<Sha256Digest> hmac_sha256(ByteView key, ByteView data);

// Incremental SHA-256, for files and streams.
class Sha256 {
 public:
  [[nodiscard]] static Result<Sha256> create();
  [[nodiscard]] Status update(ByteView data);
  [[nodiscard]] Result<Sha256Digest> finish();  // once; nothing may be fed afterwards

 private:
  struct Deleter {
    void operator()(evp_md_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_md_ctx_st, Deleter>;
  explicit Sha256(Context context) : context_(std::move(context)) {}
  Context context_;
};

}  // namespace openpcc::crypto
