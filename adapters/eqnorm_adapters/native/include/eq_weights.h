/* Products of a tile with weight matrices, which are arranged for them once for many tiles. */
#ifndef EQ_WEIGHTS_H
#define EQ_WEIGHTS_H

#include "eq_gemm.h"

/* A (width, width) matrix as the right factor of products, transposed or not.
 *
 * spare: room for two rows; used with halves only.
 */
EQ_INLINE void eq_arrange(const int halves, const int transposed, int width, const float *w,
                          float *to, float *spare) {
#if EQ_BFLOAT16
  if (halves) {
    for (int r = 0; r < width; r += 2) { /* two rows of the factor at a time */
      for (int c = 0; c < width; c++)
        for (int k = 0; k < 2; k++)
          spare[k * width + c] = transposed ? w[c * width + r + k] : w[(r + k) * width + c];
      eq_pack_columns(2, width, spare, to + r / 2 * width);
    }
    return;
  }
#endif
  if (!transposed) {
    memcpy(to, w, sizeof(float) * width * width);
    return;
  }
  for (int r = 0; r < width; r += 16) /* in squares that fit the nearest cache */
    for (int c = 0; c < width; c += 16)
      for (int k = 0; k < 16; k++)
        for (int l = 0; l < 16; l++) to[(r + k) * width + c + l] = w[(c + l) * width + r + k];
}

/* out = values W + start, W as arranged; `packed` has room for the rows in halves. */
EQ_INLINE void eq_linear(const int halves, int rows, int width, const float *values,
                         float *packed, const float *w, const float *start, float *out) {
#if EQ_BFLOAT16
  if (halves) {
    eq_pack_rows(rows, width, values, packed);
    eq_product_of_halves(rows, width, width / 2, packed, width / 2, 1, w, width, start, out, width, 0);
    return;
  }
#endif
  eq_product(rows, width, width, values, width, 1, w, width, start, out, width, 0);
}

/* total += left^T right, both (rows, width); `packed` has room for both in halves. */
EQ_INLINE void eq_outer(const int halves, int rows, int width, const float *left,
                        const float *right, float *packed, float *total) {
#if EQ_BFLOAT16
  if (halves) {
    float *other = packed + rows / 2 * width;
    eq_pack_columns(rows, width, left, packed);
    eq_pack_columns(rows, width, right, other);
    eq_product_of_halves(width, width, rows / 2, packed, 1, width, other, width, NULL, total, width, 1);
    return;
  }
#endif
  eq_product(width, width, rows, left, 1, width, right, width, NULL, total, width, 1);
}

#endif
