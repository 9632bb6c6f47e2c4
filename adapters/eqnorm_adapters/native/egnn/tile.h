/* A tile of edges: its nodes, scalars and relative vectors, and the passes over its channels. */
#ifndef EQ_EGNN_TILE_H
#define EQ_EGNN_TILE_H

#include "parts.h"

typedef struct {
  int count;                    /* edges */
  int rows;                     /* the same, made even; what is added counts for nothing */
  int64_t i[EQ_TILE], j[EQ_TILE]; /* receivers, senders */
  float d[EQ_TILE][3];          /* x_i - x_j */
  const float *vectors;         /* (count, 3): what the weights multiply */
  float *s;                     /* (rows, K), K made even */
} eq_tile;

EQ_INLINE int eq_even(int64_t count) { return (int)((count + 1) / 2 * 2); }

/* The edges from `first` on, at most EQ_TILE of them. EQ_NO_SUCH_NODE where an index is wrong. */
static int eq_gather(const eq_egnn *p, int64_t first, int64_t end, eq_tile *tile) {
  int count = (int)eq_least(end - first, EQ_TILE);
  tile->count = count;
  tile->rows = eq_even(count);
  if (p->size) {
    int64_t degree = p->size - 1, i = first / degree, k = first % degree;
    int64_t start = i / p->size * p->size;
    for (int t = 0; t < count; t++) {
      int64_t j = start + k;
      tile->i[t] = i;
      tile->j[t] = j < i ? j : j + 1;
      if (++k == degree) {
        k = 0;
        if (++i == start + p->size) start = i;
      }
    }
  } else {
    for (int t = 0; t < count; t++) {
      tile->i[t] = p->receivers[first + t];
      tile->j[t] = p->senders[first + t];
      if ((uint64_t)tile->i[t] >= (uint64_t)p->nodes || (uint64_t)tile->j[t] >= (uint64_t)p->nodes)
        return EQ_NO_SUCH_NODE;
    }
  }
  tile->vectors = p->vectors ? p->vectors + 3 * first : tile->d[0];
  int scalars = (int)p->scalars, stride = eq_even(scalars);
  for (int t = 0; t < count; t++) {
    const float *to = p->x + 3 * tile->i[t], *from = p->x + 3 * tile->j[t];
    float *d = tile->d[t], *s = tile->s + t * stride;
    for (int c = 0; c < 3; c++) d[c] = to[c] - from[c];
    if (p->shifts)
      for (int c = 0; c < 3; c++) d[c] += p->shifts[3 * (first + t) + c];
    s[0] = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
    const float *e = p->e + (first + t) * (scalars - 1);
    for (int k = 1; k < scalars; k++) s[k] = e[k - 1];
    if (scalars < stride) s[scalars] = 0;
  }
  if (count < tile->rows) {
    memset(tile->s + count * stride, 0, stride * sizeof(float));
    memset(tile->d[count], 0, sizeof tile->d[count]);
    tile->i[count] = tile->i[count - 1];
    tile->j[count] = tile->j[count - 1];
  }
  return EQ_DONE;
}

/* silu(u) = u sigmoid(u), and its derivative: in this order, as large u leave nothing of the gate
 * in their sum. */
EQ_INLINE eq_vec eq_silu(eq_vec u, eq_vec *slope) {
  eq_vec gate = eq_sigmoid(u), out = u * gate;
  *slope = gate + (out - out * gate);
  return out;
}

/* silu(u1) into `out`; its derivative into `slope` unless that is NULL. */
EQ_INLINE void eq_first_layer(const eq_egnn *p, const eq_tile *tile, float *out, float *slope) {
  int width = (int)p->channels, scalars = (int)p->scalars, stride = eq_even(scalars);
  for (int t = 0; t < tile->rows; t++) {
    const float *a = p->a + tile->i[t] * p->stride, *b = p->b + tile->j[t] * p->stride;
    const float *s = tile->s + t * stride;
    for (int c = 0; c < width; c += EQ_LANES) {
      eq_vec u = eq_load(a + c) + eq_load(b + c);
      for (int k = 0; k < scalars; k++) u += s[k] * eq_load(p->w1 + k * width + c);
      eq_vec derivative, value = eq_silu(u, &derivative);
      eq_store(out + t * width + c, value);
      if (slope) eq_store(slope + t * width + c, derivative);
    }
  }
}

/* silu of all of `u` into `out`, its derivative into `slope` (which may be `u`), u into `kept`;
 * the latter two may be NULL. */
EQ_INLINE void eq_activate(int floats, const float *u, float *out, float *slope, float *kept) {
  for (int n = 0; n < floats; n += EQ_LANES) {
    eq_vec derivative, given = eq_load(u + n), value = eq_silu(given, &derivative);
    eq_store(out + n, value);
    if (slope) eq_store(slope + n, derivative);
    if (kept) eq_stream(kept + n, given);
  }
}

/* Attention: sigmoid(wa . m + ba) of every row into `gates`, and m times it into `out`. */
EQ_INLINE void eq_attend(const eq_egnn *p, int rows, const float *m, float *gates, float *out) {
  int width = (int)p->channels;
  for (int t = 0; t < rows; t++)
    gates[t] = eq_dot(width, m + t * width, p->wa) + p->ba[0];
  for (int t = 0; t < rows; t += EQ_LANES) /* room for EQ_TILE rows: a whole number of vectors */
    eq_store(gates + t, eq_sigmoid(eq_load(gates + t)));
  for (int t = 0; t < rows; t++)
    for (int c = 0; c < width; c += EQ_LANES)
      eq_store(out + t * width + c, eq_load(m + t * width + c) * gates[t]);
}

#endif
