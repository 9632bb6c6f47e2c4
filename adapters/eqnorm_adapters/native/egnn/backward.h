/* Gradients of one tile, from the weights back to nodes and positions. */
#ifndef EQ_EGNN_BACKWARD_H
#define EQ_EGNN_BACKWARD_H

#include <math.h>

#include "tile.h"

/* Where the gradients of a part go: nodes from row `low` of the part on, and the parameters. */
typedef struct {
  float *a, *b, *x;                                  /* of nodes; x may be NULL */
  float *w1, *w2, *b2, *w3, *b3, *w4, *wa, *ba;      /* of parameters */
} eq_sums;

typedef struct {
  eq_tile tile;
  float gates[EQ_TILE], weights[EQ_TILE];
  float *hidden, *slope1, *m, *slope2, *attended, *u, *g; /* (EQ_TILE, C) each */
  float *packed;
} eq_work;

/* From u3 to its gradient in work.u (which u3 may be); weights and their gradients on the way. */
EQ_INLINE void eq_backward_weights(const eq_egnn *p, const float *u3, eq_work *work,
                                   eq_sums *sums) {
  int width = (int)p->channels;
  const eq_tile *tile = &work->tile;
  float *value = work->g; /* of one row */
  for (int t = 0; t < tile->count; t++) {
    const float *g = p->g_moves ? p->g_moves + 3 * tile->i[t] : NULL, *d = tile->vectors + 3 * t;
    float *g_u = work->u + t * width;
    eq_vec total = {0};
    for (int c = 0; c < width; c += EQ_LANES) {
      eq_vec derivative, s = eq_silu(eq_load(u3 + t * width + c), &derivative);
      total += s * eq_load(p->w4 + c);
      eq_store(value + c, s);
      eq_store(g_u + c, derivative);
    }
    float w = eq_sum(total), slope = g ? g[0] * d[0] + g[1] * d[1] + g[2] * d[2] : 0;
    if (p->bound) {
      w = tanhf(w);
      slope *= 1 - w * w;
    }
    work->weights[t] = w;
    for (int c = 0; c < width; c += EQ_LANES) {
      eq_vec of_u = slope * eq_load(p->w4 + c) * eq_load(g_u + c);
      eq_store(sums->w4 + c, eq_load(sums->w4 + c) + slope * eq_load(value + c));
      eq_store(sums->b3 + c, eq_load(sums->b3 + c) + of_u);
      eq_store(g_u + c, of_u);
    }
  }
  eq_zero(work->u + tile->count * width, (tile->rows - tile->count) * width);
}

/* From the gradient of m, as far as it comes from the weights, in work.g to that of u2 there. */
EQ_INLINE void eq_backward_messages(const eq_egnn *p, eq_work *work, eq_sums *sums) {
  int width = (int)p->channels;
  const eq_tile *tile = &work->tile;
  for (int t = 0; t < tile->count; t++) {
    float *g = work->g + t * width;
    if (p->g_messages) {
      const float *more = p->g_messages + tile->i[t] * width;
      for (int c = 0; c < width; c += EQ_LANES) eq_store(g + c, eq_load(g + c) + eq_load(more + c));
    }
    if (p->wa) {
      float gate = work->gates[t];
      float slope = eq_dot(width, g, work->m + t * width) * gate * (1 - gate);
      for (int c = 0; c < width; c += EQ_LANES) {
        eq_vec m = eq_load(work->m + t * width + c);
        eq_store(g + c, eq_load(g + c) * gate + slope * eq_load(p->wa + c));
        eq_store(sums->wa + c, eq_load(sums->wa + c) + slope * m);
      }
      sums->ba[0] += slope;
    }
    for (int c = 0; c < width; c += EQ_LANES) {
      eq_vec of_u = eq_load(g + c) * eq_load(work->slope2 + t * width + c);
      eq_store(sums->b2 + c, eq_load(sums->b2 + c) + of_u);
      eq_store(g + c, of_u);
    }
  }
}

/* From the gradient of silu(u1) in work.u to those of nodes, scalars and positions. */
EQ_INLINE void eq_backward_nodes(const eq_egnn *p, int64_t low, int64_t first, eq_work *work,
                                 eq_sums *sums) {
  int width = (int)p->channels, scalars = (int)p->scalars, stride = eq_even(scalars);
  const eq_tile *tile = &work->tile;
  for (int t = 0; t < tile->count; t++) {
    float *g = work->u + t * width;
    float *a = sums->a + (tile->i[t] - low) * p->stride;
    float *b = sums->b + (tile->j[t] - low) * p->stride;
    for (int c = 0; c < width; c += EQ_LANES) {
      eq_vec value = eq_load(g + c) * eq_load(work->slope1 + t * width + c);
      eq_store(g + c, value);
      eq_store(a + c, eq_load(a + c) + value);
      eq_store(b + c, eq_load(b + c) + value);
    }
    if (p->g_e)
      for (int k = 1; k < scalars; k++)
        p->g_e[(first + t) * (scalars - 1) + k - 1] = eq_dot(width, g, p->w1 + k * width);
    float of_vector[3] = {0}, w = work->weights[t];
    for (int c = 0; c < 3 && p->g_moves; c++) of_vector[c] = w * p->g_moves[3 * tile->i[t] + c];
    if (p->g_vectors) memcpy(p->g_vectors + 3 * (first + t), of_vector, sizeof of_vector);
    if (!sums->x) continue;
    float along = 2 * eq_dot(width, g, p->w1);
    for (int c = 0; c < 3; c++) {
      float value = along * tile->d[t][c] + (p->vectors ? 0 : of_vector[c]);
      sums->x[(tile->i[t] - low) * 3 + c] += value;
      sums->x[(tile->j[t] - low) * 3 + c] -= value;
    }
  }
  for (int t = tile->count; t < tile->rows; t++) memset(work->u + t * width, 0, 4 * width);
  /* In whole floats always: the scalars are few, and squared distances large. */
  eq_product(stride, width, tile->rows, tile->s, 1, stride, work->u, width, NULL, sums->w1,
             width, 1);
}

#endif
