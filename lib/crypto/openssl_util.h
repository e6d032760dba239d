// openssl_util.h - owning pointers for OpenSSL's objects, and the one way its failures become ours. Private to
// lib/crypto.
//
// A call is judged by its documented return value, never by the error queue; the queue is emptied on every failure so
// that nothing of it can be taken for the failure of a later call.
#pragma once

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

#include "crypto/digest.h"

namespace openpcc::crypto::detail {

template <auto kFree>
struct FreeWith {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};

using BignumPtr = std::unique_ptr<BIGNUM, FreeWith<BN_clear_free>>;
using BnCtxPtr = std::unique_ptr<BN_CTX, FreeWith<BN_CTX_free>>;
using EcPointPtr = std::unique_ptr<EC_POINT, FreeWith<EC_POINT_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;
using MacCtxPtr = std::unique_ptr<EVP_MAC_CTX, FreeWith<EVP_MAC_CTX_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<OSSL_PARAM_BLD_free>>;
using ParamPtr = std::unique_ptr<OSSL_PARAM, FreeWith<OSSL_PARAM_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, FreeWith<EVP_PKEY_CTX_free>>;

// An error for a call that failed, with the queue emptied.
[[nodiscard]] inline std::unexpected<Error> openssl_error(ErrorCode code, std::string message) {
  ERR_clear_error();
  return fail(code, std::move(message));
}

[[nodiscard]] inline std::unexpected<Error> unavailable(const char* what) {
  return openssl_error(kUnavailable, std::string("OpenSSL refused ") + what);
}

// A pointer that is never null, for calls that take one even for no bytes.
[[nodiscard]] inline const uint8_t* data_of(ByteView bytes) {
  static constexpr uint8_t kNothing = 0;
  return bytes.empty() ? &kNothing : bytes.data();
}

}  // namespace openpcc::crypto::detail
