// q4_0_ggml.cc - takes the place of two functions of ggml's CPU backend, in each of its variants. arch/x86/repack.cpp
// is compiled with other names for its own (CMakeLists.txt), which are there still for what is not done here, and to
// measure: OPENPCC_CPU_KERNELS=ggml in the environment asks for them.
#include <cstdlib>
#include <cstring>

#include "repack.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "q4_0_rows.h"
static_assert(sizeof(block_q4_0x8) == sizeof(openpcc_q4_0::Columns));
static_assert(sizeof(block_q8_0) == sizeof(openpcc_q4_0::Values));
static_assert(sizeof(block_q8_0x4) == sizeof(openpcc_q4_0::FourRows));
#define OPENPCC_Q4_0 1
#else
#define OPENPCC_Q4_0 0
#endif

#if OPENPCC_Q4_0
// Known before any thread is: a static of a function would be locked, and waking who waits for that lock is a system
// call that the sandbox forbids (docs/sandbox.md, futex).
static const bool own_kernels = [] {
  const char* asked = std::getenv("OPENPCC_CPU_KERNELS");
  return asked == nullptr || std::strcmp(asked, "ggml") != 0;
}();
#endif

extern "C" {

void openpcc_ggml_gemv_q4_0_8x8_q8_0(int n, float* s, size_t bs, const void* vx, const void* vy, int nr, int nc);
void openpcc_ggml_gemm_q4_0_8x8_q8_0(int n, float* s, size_t bs, const void* vx, const void* vy, int nr, int nc);

void ggml_gemv_q4_0_8x8_q8_0(int n, float* s, size_t bs, const void* vx, const void* vy, int nr, int nc) {
#if OPENPCC_Q4_0
  if (nr == 1 && own_kernels) {
    openpcc_q4_0::multiply(n, nc, static_cast<const openpcc_q4_0::Columns*>(vx),
                           static_cast<const openpcc_q4_0::Values*>(vy), s);
    return;
  }
#endif
  openpcc_ggml_gemv_q4_0_8x8_q8_0(n, s, bs, vx, vy, nr, nc);
}

void ggml_gemm_q4_0_8x8_q8_0(int n, float* s, size_t bs, const void* vx, const void* vy, int nr, int nc) {
#if OPENPCC_Q4_0
  if (n <= openpcc_q4_0::kMaxLength && own_kernels) {
    openpcc_q4_0::multiply_rows(n, nc, static_cast<const openpcc_q4_0::Columns*>(vx),
                                static_cast<const openpcc_q4_0::FourRows*>(vy), nr, s, bs);
    return;
  }
#endif
  openpcc_ggml_gemm_q4_0_8x8_q8_0(n, s, bs, vx, vy, nr, nc);
}
}
