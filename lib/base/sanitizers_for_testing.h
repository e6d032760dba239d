// sanitizers_for_testing.h - what a test was built with, for what cannot be tested under it. For tests only.
#pragma once

#if defined(__has_feature)  // clang says it by this, gcc by macros
#define OPENPCC_HAS_FEATURE(name) __has_feature(name)
#else
#define OPENPCC_HAS_FEATURE(name) 0
#endif

namespace openpcc {

#if defined(__SANITIZE_ADDRESS__) || OPENPCC_HAS_FEATURE(address_sanitizer)
inline constexpr bool kUnderAddressSanitizer = true;
#else
inline constexpr bool kUnderAddressSanitizer = false;
#endif

#if defined(__SANITIZE_THREAD__) || OPENPCC_HAS_FEATURE(thread_sanitizer)
inline constexpr bool kUnderThreadSanitizer = true;
#else
inline constexpr bool kUnderThreadSanitizer = false;
#endif

}  // namespace openpcc

#undef OPENPCC_HAS_FEATURE
