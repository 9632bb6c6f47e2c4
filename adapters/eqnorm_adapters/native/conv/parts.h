/* Parts of the edges, one for each thread, and the nodes that they add to. */
#ifndef EQ_CONV_PARTS_H
#define EQ_CONV_PARTS_H

#include "conv.h"

/* Splits the edges; returns the number of parts, or 0 where an edge joins no node. */
static int eq_find_parts(const eq_conv *p, eq_part *parts) {
  int64_t most = p->edges / (2 * EQ_TILE); /* with less to do a thread is not worth waking */
  if (most > p->threads) most = p->threads;
  if (most > EQ_MOST_PARTS) most = EQ_MOST_PARTS;
  int count = most < 1 ? 1 : (int)most, wrong = 0;
#pragma omp parallel for num_threads(count) schedule(static, 1) if (count > 1) reduction(| : wrong)
  for (int k = 0; k < count; k++) {
    eq_part *part = parts + k;
    part->begin = p->edges * k / count;
    part->end = p->edges * (k + 1) / count;
    int64_t low = p->nodes, high = -1;
    for (int64_t e = part->begin; e < part->end; e++) {
      int64_t i = p->receivers[e], j = p->senders[e];
      int64_t less = i < j ? i : j, more = i < j ? j : i;
      low = less < low ? less : low;
      high = more > high ? more : high;
    }
    wrong |= part->begin < part->end && (low < 0 || high >= p->nodes);
    part->low = high < low ? 0 : low;
    part->high = high < low ? 0 : high + 1;
  }
  return wrong ? 0 : count;
}

/* A part's own rows of `width` numbers, all zero; with one part the whole result itself. */
static float *eq_own_rows(const eq_part *part, int count, int64_t width, float *whole) {
  if (count == 1) return whole;
  return calloc((part->high - part->low) * width + 1, sizeof(float));
}

/* Add what the parts have collected on their own, always in their order. */
static void eq_collect(const eq_part *parts, int count, int64_t width, float **own, float *whole) {
  if (count == 1) return;
  for (int k = 0; k < count; k++) {
    if (!own[k]) continue;
    float *to = whole + parts[k].low * width;
    int64_t floats = (parts[k].high - parts[k].low) * width;
    for (int64_t n = 0; n < floats; n++) to[n] += own[k][n];
    free(own[k]);
  }
}

#endif
