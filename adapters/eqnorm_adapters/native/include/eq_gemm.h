/* Products of small row-major matrices that lie in the caches: blocks of rows and of columns whose
 * sums stay in registers.
 *
 * Numbers come in words of 32 bits: a float, or two bfloat16 that are neighbours along the summed
 * dimension, which doubles the speed. Sums are float32 in both.
 */
#ifndef EQ_GEMM_H
#define EQ_GEMM_H

#include "eq_vector.h"

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#define EQ_BFLOAT16 1
#else
#define EQ_BFLOAT16 0
#endif

/* Six rows of four vectors and what they are made of fill 32 registers, of two vectors 16. */
#if defined(__AVX__) && !defined(__AVX512F__)
#define EQ_WIDEST 2
#else
#define EQ_WIDEST 4
#endif

EQ_INLINE eq_vec eq_multiply_add(const int halves, float a, eq_vec b, eq_vec sum) {
#if EQ_BFLOAT16
  if (halves)
    return (eq_vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_ps(a), (__m512bh)b);
#endif
  return sum + a * b;
}

/* The part of the product below, of `rows` rows and `vecs` vectors of columns. */
EQ_INLINE void eq_block(const int halves, const int rows, const int vecs, int depth,
                        const float *a, ptrdiff_t a_row, ptrdiff_t a_step, const float *b,
                        ptrdiff_t b_row, const float *start, float *c, ptrdiff_t c_row, int add) {
  eq_vec sum[6][EQ_WIDEST];
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int v = 0; v < vecs; v++)
      sum[r][v] = add     ? eq_load(c + r * c_row + v * EQ_LANES)
                  : start ? eq_load(start + v * EQ_LANES)
                          : (eq_vec){0};
  for (int k = 0; k < depth; k++) {
    eq_vec row[EQ_WIDEST];
#pragma GCC unroll 4
    for (int v = 0; v < vecs; v++) row[v] = eq_load(b + k * b_row + v * EQ_LANES);
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
      float value = a[r * a_row + k * a_step];
#pragma GCC unroll 4
      for (int v = 0; v < vecs; v++) sum[r][v] = eq_multiply_add(halves, value, row[v], sum[r][v]);
    }
  }
#pragma GCC unroll 6
  for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
    for (int v = 0; v < vecs; v++) eq_store(c + r * c_row + v * EQ_LANES, sum[r][v]);
}

EQ_INLINE void eq_stripe(const int halves, const int vecs, int rows, int depth, const float *a,
                         ptrdiff_t a_row, ptrdiff_t a_step, const float *b, ptrdiff_t b_row,
                         const float *start, float *c, ptrdiff_t c_row, int add) {
  int r = 0;
  for (; r + 6 <= rows; r += 6)
    eq_block(halves, 6, vecs, depth, a + r * a_row, a_row, a_step, b, b_row, start, c + r * c_row,
             c_row, add);
  for (; r + 2 <= rows; r += 2)
    eq_block(halves, 2, vecs, depth, a + r * a_row, a_row, a_step, b, b_row, start, c + r * c_row,
             c_row, add);
  if (r < rows)
    eq_block(halves, 1, vecs, depth, a + r * a_row, a_row, a_step, b, b_row, start, c + r * c_row,
             c_row, add);
}

#define EQ_STRIPES(VECS)                                                                       \
  for (; column + VECS * EQ_LANES <= width; column += VECS * EQ_LANES)                         \
    eq_stripe(halves, VECS, rows, depth, a, a_row, a_step, b + column, b_row,                  \
              start ? start + column : NULL, c + column, c_row, add);

EQ_INLINE void eq_stripes(const int halves, int rows, int width, int depth, const float *a,
                          ptrdiff_t a_row, ptrdiff_t a_step, const float *b, ptrdiff_t b_row,
                          const float *start, float *c, ptrdiff_t c_row, int add) {
  int column = 0;
#if EQ_WIDEST == 4
  EQ_STRIPES(4)
#endif
  EQ_STRIPES(2)
  EQ_STRIPES(1)
}

/* C = A B + start, or C += A B if `add`.
 *
 * rows: of A and C. width: columns of B and C, whole vectors. depth: words summed over.
 * A[r, k] = a[r * a_row + k * a_step], so that A may be the transpose of what is stored.
 * B and C have `b_row` and `c_row` words from row to row. start: one row, or NULL for zero.
 *
 * Not inlined: it would be compiled again for each use.
 */
static __attribute__((noinline)) void eq_product(int rows, int width, int depth, const float *a,
                                                 ptrdiff_t a_row, ptrdiff_t a_step, const float *b,
                                                 ptrdiff_t b_row, const float *start, float *c,
                                                 ptrdiff_t c_row, int add) {
  eq_stripes(0, rows, width, depth, a, a_row, a_step, b, b_row, start, c, c_row, add);
}

#if EQ_BFLOAT16
/* The same of words of two bfloat16. */
static __attribute__((noinline, unused)) void eq_product_of_halves(
    int rows, int width, int depth, const float *a, ptrdiff_t a_row, ptrdiff_t a_step,
    const float *b, ptrdiff_t b_row, const float *start, float *c, ptrdiff_t c_row, int add) {
  eq_stripes(1, rows, width, depth, a, a_row, a_step, b, b_row, start, c, c_row, add);
}

/* Neighbours along a row to words: (rows, width) floats to (rows, width / 2) words. */
EQ_INLINE void eq_pack_rows(int rows, int width, const float *from, float *to) {
  for (int i = 0; i < rows * width; i += 32) {
    __m512 low = _mm512_loadu_ps(from + i), high = _mm512_loadu_ps(from + i + 16);
    _mm512_storeu_ps(to + i / 2, (__m512)_mm512_cvtne2ps_pbh(high, low));
  }
}

/* Neighbours along a column to words: (rows, width) floats to (rows / 2, width) words. */
EQ_INLINE void eq_pack_columns(int rows, int width, const float *from, float *to) {
  uint16_t order[32];
  for (int k = 0; k < 16; k++) order[2 * k] = k, order[2 * k + 1] = 16 + k;
  __m512i interleaved = _mm512_loadu_si512(order);
  for (int r = 0; r < rows; r += 2)
    for (int c = 0; c < width; c += 16) {
      __m512 low = _mm512_loadu_ps(from + r * width + c);
      __m512 high = _mm512_loadu_ps(from + (r + 1) * width + c);
      __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
      _mm512_storeu_si512(to + r / 2 * width + c, _mm512_permutexvar_epi16(interleaved, both));
    }
}
#endif

#endif
