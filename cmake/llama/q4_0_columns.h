// q4_0_columns.h - a matrix in Q4_0 times a vector, with AVX2: what generating a token consists of, nearly all of it.
// Stands in for ggml's own kernel for the same layout, to which its results are equal to the last bit (q4_0_gemv.cc).
//
// ggml's multiplies signed weights with signed values. x86 has no instruction for that, so signs are taken apart for
// each product. Here weights are unsigned (w + 8), and 8 times the sum of the values, which all columns have in common,
// is taken away again. And it asks for memory before it needs it: the processor's own prefetching ends with each page.
// Measured on two cores that can read 24 GB/s: 20 instead of 11 GB/s of weights from memory, 24 instead of 12 from the
// cache of one. AVX-512 gains nothing over this.
//
// Pure. Included where AVX2, FMA and F16C are compiled for; what the flags name is in the name of everything, so that
// one program may hold several.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#if defined(__AVX512VNNI__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define OPENPCC_Q4_0_VNNI512 1
#define OPENPCC_Q4_0_NAMESPACE vnni512
#else
#define OPENPCC_Q4_0_VNNI512 0
#define OPENPCC_Q4_0_NAMESPACE avx2
#endif

namespace openpcc_q4_0 {
inline namespace OPENPCC_Q4_0_NAMESPACE {

// As ggml has them in memory (ggml-cpu/repack.h: block_q4_0x8; ggml-common.h: block_q8_0). `scale` is in half
// precision.
struct Columns {  // 32 weights of each of 8 columns
  uint16_t scale[8];
  // Four bits, two's complement. Weights 0 to 7 (low bits) and 16 to 23 (high bits) of each column, then 8 to 15 and
  // 24 to 31.
  uint8_t weights[128];
};
struct Values {  // 32 values of the vector
  uint16_t scale;
  int8_t values[32];
};
static_assert(sizeof(Columns) == 144 && sizeof(Values) == 34);

inline constexpr int kBlocksAtATime = 512;  // what of the vector is prepared on the stack: 16384 values
inline constexpr int kBytesAhead = 3072;    // 1152 to 4608 did as well, 512 did not

// Of a block of values, the same for all columns.
struct Prepared {
  float scale;
  int32_t minus;  // -8 times their sum
};

inline Prepared prepare(const Values& block) {
  const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.values));
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(8), values);
  const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
  return {_cvtsh_ss(block.scale), -_mm_cvtsi128_si32(sum)};
}

// Four columns: two sums of each. None of its 16-bit sums exceeds 8 * 15 * 128.
inline __m256i products(const uint8_t* weights, const int8_t* values) {
  const auto load = [&](const uint8_t* at) {
    const __m256i plus8 = _mm256_set1_epi8(static_cast<char>(0x88));
    return _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)), plus8);
  };
  const auto times = [&](__m256i of, int at) {
    int64_t eight;
    std::memcpy(&eight, values + at, sizeof eight);
    return _mm256_maddubs_epi16(_mm256_and_si256(of, _mm256_set1_epi8(0x0f)), _mm256_set1_epi64x(eight));
  };
  const __m256i first = load(weights);
  const __m256i second = load(weights + 64);
  const __m256i low = _mm256_add_epi16(times(first, 0), times(second, 8));
  const __m256i high =
      _mm256_add_epi16(times(_mm256_srli_epi16(first, 4), 16), times(_mm256_srli_epi16(second, 4), 24));
  return _mm256_madd_epi16(_mm256_add_epi16(low, high), _mm256_set1_epi16(1));
}

// Columns stand as hadd leaves them: 0, 1, 4, 5, 2, 3, 6, 7.
inline __m256 scales_of(const Columns& block) {
  const __m128i order = _mm_set_epi8(15, 14, 13, 12, 7, 6, 5, 4, 11, 10, 9, 8, 3, 2, 1, 0);
  return _mm256_cvtph_ps(_mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block.scale)), order));
}

// A permutation between that order and the natural one, both ways.
inline __m256i natural_order() {
  return _mm256_set_epi32(7, 6, 3, 2, 5, 4, 1, 0);
}

inline __m256 add_block(__m256 sums, const Columns& block, const int8_t* values, Prepared of_values) {
  const __m256i halves = _mm256_hadd_epi32(products(block.weights, values), products(block.weights + 32, values));
  const __m256i whole = _mm256_add_epi32(halves, _mm256_set1_epi32(of_values.minus));
  const __m256 scale = _mm256_mul_ps(scales_of(block), _mm256_set1_ps(of_values.scale));
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), scale, sums);
}

inline void ask_for_what_follows(const Columns& block) {
  const char* ahead = reinterpret_cast<const char*>(&block) + kBytesAhead;  // past the end it is asked for in vain
  _mm_prefetch(ahead, _MM_HINT_T0);
  _mm_prefetch(ahead + 64, _MM_HINT_T0);
  _mm_prefetch(ahead + 128, _MM_HINT_T0);
}

// `columns`, a multiple of 8, of `length` weights each, a multiple of 32, in groups of eight columns one after the
// other. `result` has a number for each column.
inline void multiply(int length, int columns, const Columns* matrix, const Values* vector, float* result) {
  const int blocks = length / 32;
  std::memset(result, 0, static_cast<size_t>(columns) * sizeof(float));
  Prepared prepared[kBlocksAtATime];
  for (int begin = 0; begin < blocks; begin += kBlocksAtATime) {
    const int count = blocks - begin < kBlocksAtATime ? blocks - begin : kBlocksAtATime;
    for (int i = 0; i < count; ++i) prepared[i] = prepare(vector[begin + i]);
    for (int column = 0; column < columns; column += 8) {
      const Columns* group = matrix + static_cast<int64_t>(column / 8) * blocks + begin;
      __m256 sums = _mm256_permutevar8x32_ps(_mm256_loadu_ps(result + column), natural_order());
      for (int i = 0; i < count; ++i) {
        ask_for_what_follows(group[i]);
        sums = add_block(sums, group[i], vector[begin + i].values, prepared[i]);
      }
      _mm256_storeu_ps(result + column, _mm256_permutevar8x32_ps(sums, natural_order()));
    }
  }
}

}  // namespace OPENPCC_Q4_0_NAMESPACE
}  // namespace openpcc_q4_0
