/* A network of two layers on rows of features, such as those that update an EGNN's nodes:
 *
 *   u = W1 (p, q) + b1      y = W2 silu(u) + b2, and p more if `residual`
 *
 * R rows; C channels, a multiple of 16, in p, q and u; D in y: C, or 1. All arrays are dense.
 */
#ifndef EQ_NODES_H
#define EQ_NODES_H

#include "eq_memory.h"
#include "eq_weights.h"

#define EQ_ROWS 48
#define EQ_MOST_BLOCKS 256

/* The same fields in the same order as `Rows` in Python. */
typedef struct {
  int64_t rows, channels, outputs, residual, threads;
  int64_t more;                         /* whether g_p is added to what is there */
  const float *p, *q;                   /* (R, C); q may be NULL for none */
  const float *w1, *b1, *w2, *b2;       /* (C, C) or (C, 2 C), (C), (D, C), (D) */
  float *u, *y;                         /* (R, C), (R, D): u is what the gradient needs again */
  const float *g_y;                     /* (R, D) */
  float *g_p, *g_q;                     /* (R, C) */
  float *g_w1, *g_b1, *g_w2, *g_b2;
} eq_rows;

/* silu(u) into `out`, its derivative into `slope` unless that is NULL. */
EQ_INLINE void eq_silu_rows(int floats, const float *u, float *out, float *slope) {
  for (int n = 0; n < floats; n += EQ_LANES) {
    eq_vec v = eq_load(u + n), gate = eq_sigmoid(v), value = v * gate;
    eq_store(out + n, value);
    if (slope) eq_store(slope + n, gate + (value - value * gate)); /* as eq_silu */
  }
}

/* to (R, C) = from (C, C) or a part of something wider, transposed. */
static inline void eq_transpose(int width, const float *from, int64_t stride, float *to) {
  for (int r = 0; r < width; r += 16)
    for (int c = 0; c < width; c += 16)
      for (int k = 0; k < 16; k++)
        for (int l = 0; l < 16; l++) to[(r + k) * width + c + l] = from[(c + l) * stride + r + k];
}

static int eq_count_blocks(const eq_rows *t) {
  int64_t most = t->rows / (4 * EQ_ROWS);
  if (most > t->threads) most = t->threads;
  if (most > EQ_MOST_BLOCKS) most = EQ_MOST_BLOCKS;
  return most < 1 ? 1 : (int)most;
}

#endif
