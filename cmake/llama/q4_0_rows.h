// q4_0_rows.h - a matrix in Q4_0 times several vectors at once: what reading a prompt consists of. As q4_0_columns.h,
// and equal to it to the last bit; for AVX-512 VNNI and for AVX2.
//
// Measured with Llama 3 8B's shapes on two cores, beside ggml's own: a prompt of 94 tokens in 3.6 s instead of 8.4 with
// AVX-512 VNNI, one of 27 tokens in 2.0 s instead of 4.2 with AVX2.
#pragma once

#include "q4_0_columns.h"

namespace openpcc_q4_0 {
inline namespace OPENPCC_Q4_0_NAMESPACE {

// ggml-cpu/repack.h: block_q8_0x4. `values`: eight of each row in turn.
struct FourRows {  // 32 values of each of 4 vectors
  uint16_t scale[4];
  int8_t values[128];
};
static_assert(sizeof(FourRows) == 136);

inline constexpr int kMaxLength = 32768;  // of a vector; what is prepared of 16 stands on the stack then: 192 KiB
inline constexpr int kRowsOfATile = 16;

#if OPENPCC_Q4_0_VNNI512

// Rows go in pairs: a vector of 16 numbers has, for each of 8 columns, one of the first row and one of the second.
template <int kRows>
struct Tile {
  static constexpr int kPairs = kRows / 2;
  struct OfBlock {
    float scale[kRows];
    int64_t minus[kRows];  // -8 times the sum, in the lower half
  };
  OfBlock prepared[kMaxLength / 32];

  void prepare(const FourRows* rows, int blocks) {
    for (int row = 0; row < kRows; row += 4) {
      for (int i = 0; i < blocks; ++i) {
        const FourRows& block = rows[static_cast<int64_t>(row / 4) * blocks + i];
        const __m128i scale = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block.scale));
        _mm_storeu_ps(prepared[i].scale + row, _mm_cvtph_ps(scale));
        const __m512i eights = _mm512_set1_epi8(8);
        __m512i sums = _mm512_dpbusd_epi32(_mm512_setzero_si512(), eights, _mm512_loadu_si512(block.values));
        sums = _mm512_dpbusd_epi32(sums, eights, _mm512_loadu_si512(block.values + 64));
        __m256i sum = _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
        sum = _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_add_epi32(sum, _mm256_shuffle_epi32(sum, 0xb1)));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(prepared[i].minus + row),
                            _mm256_and_si256(sum, _mm256_set1_epi64x(0xffffffff)));
      }
    }
  }

  static __m512i times(__m512i sum, __m512i weights, const int8_t* values) {
    int64_t eight;
    std::memcpy(&eight, values, sizeof eight);
    return _mm512_dpbusd_epi32(sum, weights, _mm512_set1_epi64(eight));
  }

  void multiply(int blocks, int columns, const Columns* matrix, const FourRows* rows, float* result, size_t stride) {
    prepare(rows, blocks);
    const __m512i low = _mm512_set1_epi8(0x0f);
    const __m512i plus8 = _mm512_set1_epi8(static_cast<char>(0x88));
    const __m256i twice = _mm256_set_epi16(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
    for (int column = 0; column < columns; column += 8) {
      const Columns* group = matrix + static_cast<int64_t>(column / 8) * blocks;
      __m512 sums[kPairs];
      for (__m512& sum : sums) sum = _mm512_setzero_ps();
      for (int i = 0; i < blocks; ++i) {
        ask_for_what_follows(group[i]);
        const __m512i first = _mm512_xor_si512(_mm512_loadu_si512(group[i].weights), plus8);
        const __m512i second = _mm512_xor_si512(_mm512_loadu_si512(group[i].weights + 64), plus8);
        const __m512i weights[4] = {_mm512_and_si512(first, low), _mm512_and_si512(second, low),
                                    _mm512_and_si512(_mm512_srli_epi16(first, 4), low),
                                    _mm512_and_si512(_mm512_srli_epi16(second, 4), low)};
        const __m128i scale = _mm_loadu_si128(reinterpret_cast<const __m128i*>(group[i].scale));
        const __m512 scales = _mm512_cvtph_ps(_mm256_permutexvar_epi16(twice, _mm256_castsi128_si256(scale)));
#pragma GCC unroll 8
        for (int pair = 0; pair < kPairs; ++pair) {
          const int8_t* values = rows[static_cast<int64_t>(pair / 2) * blocks + i].values + pair % 2 * 16;
          __m512i a = _mm512_set1_epi64(prepared[i].minus[2 * pair]);
          __m512i b = _mm512_set1_epi64(prepared[i].minus[2 * pair + 1]);
          for (int part = 0; part < 4; ++part) {
            a = times(a, weights[part], values + 32 * part);
            b = times(b, weights[part], values + 32 * part + 8);
          }
          // Each column has two neighbouring sums in a and two in b: a's are added in its first place, b's in the
          // second.
          const __m512i even = _mm512_mask_shuffle_epi32(a, 0xaaaa, b, static_cast<_MM_PERM_ENUM>(0xa0));
          const __m512i odd = _mm512_mask_shuffle_epi32(b, 0x5555, a, static_cast<_MM_PERM_ENUM>(0xf5));
          double of_both;
          std::memcpy(&of_both, prepared[i].scale + 2 * pair, sizeof of_both);
          const __m512 scale_of_both = _mm512_castpd_ps(_mm512_set1_pd(of_both));
          sums[pair] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(even, odd)),
                                       _mm512_mul_ps(scales, scale_of_both), sums[pair]);
        }
      }
      const __m512i apart = _mm512_set_epi32(15, 13, 11, 9, 7, 5, 3, 1, 14, 12, 10, 8, 6, 4, 2, 0);
      for (int pair = 0; pair < kPairs; ++pair) {
        const __m512 sum = _mm512_permutexvar_ps(apart, sums[pair]);
        float* at = result + 2 * pair * stride + column;
        _mm256_storeu_ps(at, _mm512_castps512_ps256(sum));
        _mm256_storeu_ps(at + stride, _mm512_extractf32x8_ps(sum, 1));
      }
    }
  }
};

#else

template <int kRows>
struct Tile {
  struct OfBlock {
    float scale[kRows];
    int32_t minus[kRows];
  };
  OfBlock prepared[kMaxLength / 32];

  void prepare(const FourRows* rows, int blocks) {
    for (int row = 0; row < kRows; row += 4) {
      for (int i = 0; i < blocks; ++i) {
        const FourRows& block = rows[static_cast<int64_t>(row / 4) * blocks + i];
        const __m128i scale = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(block.scale));
        _mm_storeu_ps(prepared[i].scale + row, _mm_cvtph_ps(scale));
        __m256i sums = _mm256_setzero_si256();
        for (int part = 0; part < 4; ++part) {
          const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block.values + 32 * part));
          sums = _mm256_add_epi16(sums, _mm256_maddubs_epi16(_mm256_set1_epi8(8), values));
        }
        const __m256i fours = _mm256_madd_epi16(sums, _mm256_set1_epi16(1));  // two of each row
        const __m128i sum = _mm_hadd_epi32(_mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(prepared[i].minus + row), _mm_sub_epi32(_mm_setzero_si128(), sum));
      }
    }
  }

  // Four columns: two sums of each.
  static __m256i products(const __m256i* weights, const int8_t* values) {
    __m256i sum = _mm256_setzero_si256();
    for (int part = 0; part < 4; ++part) {
      int64_t eight;
      std::memcpy(&eight, values + 32 * part, sizeof eight);
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(weights[part], _mm256_set1_epi64x(eight)));
    }
    return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
  }

  static void expand(const uint8_t* from, __m256i* weights) {
    const __m256i low = _mm256_set1_epi8(0x0f);
    const __m256i plus8 = _mm256_set1_epi8(static_cast<char>(0x88));
    for (int part = 0; part < 2; ++part) {
      const __m256i both =
          _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 64 * part)), plus8);
      weights[part] = _mm256_and_si256(both, low);
      weights[part + 2] = _mm256_and_si256(_mm256_srli_epi16(both, 4), low);
    }
  }

  void multiply(int blocks, int columns, const Columns* matrix, const FourRows* rows, float* result, size_t stride) {
    prepare(rows, blocks);
    for (int column = 0; column < columns; column += 8) {
      const Columns* group = matrix + static_cast<int64_t>(column / 8) * blocks;
      __m256 sums[kRows];
      for (__m256& sum : sums) sum = _mm256_setzero_ps();
      for (int i = 0; i < blocks; ++i) {
        ask_for_what_follows(group[i]);
        __m256i left[4];
        __m256i right[4];
        expand(group[i].weights, left);
        expand(group[i].weights + 32, right);
        const __m256 scales = scales_of(group[i]);
#pragma GCC unroll 16
        for (int row = 0; row < kRows; ++row) {
          const int8_t* values = rows[static_cast<int64_t>(row / 4) * blocks + i].values + row % 4 * 8;
          const __m256i halves = _mm256_hadd_epi32(products(left, values), products(right, values));
          const __m256i whole = _mm256_add_epi32(halves, _mm256_set1_epi32(prepared[i].minus[row]));
          const __m256 scale = _mm256_mul_ps(scales, _mm256_set1_ps(prepared[i].scale[row]));
          sums[row] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), scale, sums[row]);
        }
      }
      for (int row = 0; row < kRows; ++row) {
        _mm256_storeu_ps(result + row * stride + column, _mm256_permutevar8x32_ps(sums[row], natural_order()));
      }
    }
  }
};

#endif

// As multiply(), for `count` vectors, a multiple of 4, of at most kMaxLength; their results are `stride` numbers apart.
inline void multiply_rows(int length, int columns, const Columns* matrix, const FourRows* rows, int count,
                          float* result, size_t stride) {
  const int blocks = length / 32;
  int row = 0;
  const auto multiply_tile = [&](auto& tile) {
    tile.multiply(blocks, columns, matrix, rows + static_cast<int64_t>(row / 4) * blocks, result + row * stride,
                  stride);
  };
  for (; row + kRowsOfATile <= count; row += kRowsOfATile) {
    Tile<kRowsOfATile> tile;
    multiply_tile(tile);
  }
  for (; row < count; row += 4) {
    Tile<4> tile;
    multiply_tile(tile);
  }
}

}  // namespace OPENPCC_Q4_0_NAMESPACE
}  // namespace openpcc_q4_0
