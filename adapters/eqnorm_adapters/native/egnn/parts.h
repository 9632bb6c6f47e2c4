/* Parts of the edges, one for each thread, and which of them add to the same nodes. */
#ifndef EQ_EGNN_PARTS_H
#define EQ_EGNN_PARTS_H

#include "egnn.h"

EQ_INLINE int64_t eq_least(int64_t p, int64_t q) { return p < q ? p : q; }

/* How many parts: a thread that has not a few tiles to work on is not worth waking. */
static int eq_count_parts(const eq_egnn *p) {
  int64_t most = eq_least(p->threads, EQ_MOST_PARTS);
  most = eq_least(most, p->edges / (2 * EQ_TILE));
  return most < 1 ? 1 : (int)most;
}

/* The first edge of part k of `count`: at a new receiver, or graph if there are enough of them. */
static int64_t eq_first_edge(const eq_egnn *p, int k, int count) {
  if (k == count) return p->edges;
  if (p->size) {
    int64_t graphs = p->nodes / p->size;
    if (graphs >= 4 * count) return graphs * k / count * p->size * (p->size - 1);
    return p->nodes * k / count * (p->size - 1);
  }
  int64_t edge = p->edges * k / count;
  while (edge > 0 && edge < p->edges && p->receivers[edge] == p->receivers[edge - 1]) edge++;
  return edge;
}

static void eq_find_rows(const eq_egnn *p, int senders_too, eq_part *part) {
  if (part->begin == part->end) {
    part->low = part->high = 0;
    return;
  }
  if (p->size) {
    part->low = part->begin / (p->size - 1);
    part->high = part->end / (p->size - 1);
    if (senders_too) { /* whole graphs */
      part->low = part->low / p->size * p->size;
      part->high = (part->high + p->size - 1) / p->size * p->size;
    }
    return;
  }
  int64_t low = p->receivers[part->begin], high = low;
  for (int64_t edge = part->begin; edge < part->end; edge++) {
    int64_t i = p->receivers[edge], j = senders_too ? p->senders[edge] : i;
    low = eq_least(low, eq_least(i, j));
    high = -eq_least(-high, eq_least(-i, -j));
  }
  part->low = low;
  part->high = high + 1;
}

/* All parts; returns their number. */
static int eq_find_parts(const eq_egnn *p, int senders_too, eq_part *parts) {
  int count = eq_count_parts(p);
#pragma omp parallel for num_threads(count) schedule(static, 1) if (count > 1)
  for (int k = 0; k < count; k++) {
    parts[k].begin = eq_first_edge(p, k, count);
    parts[k].end = eq_first_edge(p, k + 1, count);
    if (count > 1) eq_find_rows(p, senders_too, parts + k);
  }
  for (int k = 0; k < count; k++) {
    parts[k].shared = 0;
    for (int other = 0; other < count; other++)
      if (other != k && parts[k].low < parts[other].high && parts[other].low < parts[k].high)
        parts[k].shared = 1;
  }
  return count;
}

/* Where `count` edges from `first` on keep u2 and u3, or NULL where they do not. */
static inline float *eq_kept(const eq_egnn *p, const eq_part *part, int64_t first, int count) {
  if (!p->kept) return NULL;
  int64_t begin = part->begin * p->kept_edges / p->edges;
  int64_t place = begin + first - part->begin, end = part->end * p->kept_edges / p->edges;
  return place + count <= end ? p->kept + place * 2 * p->channels : NULL;
}

/* Add what a part has collected on its own to the whole; always in the order of the parts. */
EQ_INLINE void eq_collect(float *whole, const float *own, size_t floats) {
  for (size_t i = 0; i < floats; i++) whole[i] += own[i];
}

#endif
