/* Relative vectors d = x_i - x_j + shift_ij of all edges, for norms of edges, which torch computes
 * before the sums: its own gather and sum take several times as long on rows of three numbers. */
#include "egnn.h"

/* Ends of an edge, one after another. */
typedef struct {
  int64_t i, j, k; /* receiver, sender, and the how-manieth of the receiver's edges */
} eq_ends;

static int eq_next(const eq_egnn *p, int64_t edge, eq_ends *at) {
  if (!p->size) {
    at->i = p->receivers[edge], at->j = p->senders[edge];
    return (uint64_t)at->i < (uint64_t)p->nodes && (uint64_t)at->j < (uint64_t)p->nodes;
  }
  if (edge && ++at->k == p->size - 1) at->i++, at->k = 0;
  int64_t j = at->i / p->size * p->size + at->k;
  at->j = j < at->i ? j : j + 1;
  return 1;
}

/* (E, 3); EQ_DONE, or what is wrong. */
EQ_EXPORT int eq_relative_forward(const eq_egnn *p, float *vectors) {
  eq_ends at = {0, 0, 0};
  for (int64_t edge = 0; edge < p->edges; edge++) {
    if (!eq_next(p, edge, &at)) return EQ_NO_SUCH_NODE;
    const float *to = p->x + 3 * at.i, *from = p->x + 3 * at.j;
    for (int c = 0; c < 3; c++) vectors[3 * edge + c] = to[c] - from[c];
    if (p->shifts)
      for (int c = 0; c < 3; c++) vectors[3 * edge + c] += p->shifts[3 * edge + c];
  }
  return EQ_DONE;
}

/* From the gradient of the vectors to p->g_x. */
EQ_EXPORT int eq_relative_backward(const eq_egnn *p, const float *g) {
  eq_ends at = {0, 0, 0};
  eq_zero(p->g_x, 3 * p->nodes);
  for (int64_t edge = 0; edge < p->edges; edge++) {
    if (!eq_next(p, edge, &at)) return EQ_NO_SUCH_NODE;
    for (int c = 0; c < 3; c++) {
      p->g_x[3 * at.i + c] += g[3 * edge + c];
      p->g_x[3 * at.j + c] -= g[3 * edge + c];
    }
  }
  return EQ_DONE;
}
