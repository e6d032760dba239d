// sanitizers.h - what this was built with: the run-time libraries of the sanitizers need more of the system than the
// program does, and some tests cannot work under them.
#pragma once

// clang says it by a feature, gcc by a macro.
#if defined(__SANITIZE_ADDRESS__)
#define OPENPCC_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OPENPCC_ADDRESS_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define OPENPCC_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define OPENPCC_THREAD_SANITIZER 1
#endif
#endif

namespace openpcc {

#ifdef OPENPCC_ADDRESS_SANITIZER
inline constexpr bool kUnderAddressSanitizer = true;
#else
inline constexpr bool kUnderAddressSanitizer = false;
#endif
#ifdef OPENPCC_THREAD_SANITIZER
inline constexpr bool kUnderThreadSanitizer = true;
#else
inline constexpr bool kUnderThreadSanitizer = false;
#endif
inline constexpr bool kSanitized = kUnderAddressSanitizer || kUnderThreadSanitizer;

}  // namespace openpcc
