// errors.h - the codes of ClientError, and how they are made. Inside of the SDK.
#pragma once

#include "base/result.h"
#include "openpcc/client.h"

namespace openpcc::sdk {

inline constexpr const char* kBadOption = "client.bad_option";    // an option is wrong
inline constexpr const char* kBadRequest = "client.bad_request";  // the request cannot be sent as it is
inline constexpr const char* kRequestTooLarge = "client.request_too_large";
inline constexpr const char* kUnreachable = "client.router_unreachable";     // nothing came back from the router
inline constexpr const char* kRefused = "client.router_refused";             // it answered with another status than 200
inline constexpr const char* kBadRouterAnswer = "client.bad_router_answer";  // 200, but not what was asked for
inline constexpr const char* kWalletFailed = "client.wallet_failed";         // the wallet command gave no credit
inline constexpr const char* kNoVerifiedNode = "client.no_verified_node";
inline constexpr const char* kUnknownNode = "client.unknown_node";  // answered by no node that was asked
inline constexpr const char* kUnknownMediaType = "client.unknown_media_type";
inline constexpr const char* kAnswerCut = "client.answer_cut";              // ended before its end
inline constexpr const char* kAnswerAltered = "client.answer_altered";      // a frame does not open
inline constexpr const char* kAnswerMalformed = "client.answer_malformed";  // opened, but no HTTP message
inline constexpr const char* kAnswerTooLarge = "client.answer_too_large";
inline constexpr const char* kInternal = "client.internal";  // cryptography or memory failed on this machine
inline constexpr const char* kCancelledByCaller = "client.cancelled";

inline std::unexpected<ClientError> failure(Failure kind, const char* code, std::string message, int status = 0) {
  return std::unexpected(ClientError{kind, code, std::move(message), status, {}});
}

// An error of a library for which the caller has no better words.
inline std::unexpected<ClientError> internal(const Error& error) {
  return failure(Failure::kRequest, kInternal, error.message + " (" + std::string(error.code.name) + ")");
}

}  // namespace openpcc::sdk
