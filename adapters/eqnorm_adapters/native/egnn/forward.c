/* Sums of messages and of weighted relative vectors at their receivers. */
#include <math.h>

#include "tile.h"
#include "eq_weights.h"

typedef struct {
  eq_tile tile;
  float gates[EQ_TILE];
  float *hidden, *u, *m, *packed; /* (EQ_TILE, C) each */
} eq_work;

static size_t eq_work_floats(const eq_egnn *p) {
  size_t tile = EQ_TILE * p->channels;
  return 4 * tile + EQ_TILE * eq_even(p->scalars) + 2 * p->channels * p->channels + 256;
}

/* Sums of a tile, from u3 in work->u, which is stored if `keeps`; node `low` has the first row. */
EQ_INLINE void eq_add_tile(const int keeps, const eq_egnn *p, const eq_work *work, int64_t low,
                           float *messages, float *moves, float *kept) {
  int width = (int)p->channels;
  const eq_tile *tile = &work->tile;
  for (int t = 0; t < tile->count; t++) {
    float *total = messages + (tile->i[t] - low) * width;
    float *move = moves + (tile->i[t] - low) * 3;
    eq_vec weight = {0};
    for (int c = 0; c < width; c += EQ_LANES) {
      eq_vec u = eq_load(work->u + t * width + c);
      if (keeps) eq_stream(kept + t * width + c, u);
      weight += u * eq_sigmoid(u) * eq_load(p->w4 + c);
      eq_store(total + c, eq_load(total + c) + eq_load(work->m + t * width + c));
    }
    float w = eq_sum(weight);
    if (p->bound) w = tanhf(w);
    for (int c = 0; c < 3; c++) move[c] += w * tile->vectors[3 * t + c];
  }
}

/* The rows from `low` on of messages and moves are written to. */
EQ_INLINE int eq_forward_part(const int halves, const eq_egnn *p, const eq_part *part,
                              float *messages, float *moves, float *scratch) {
  int width = (int)p->channels;
  eq_work work;
  work.tile.s = eq_take(&scratch, EQ_TILE * eq_even(p->scalars));
  work.hidden = eq_take(&scratch, EQ_TILE * width);
  work.u = eq_take(&scratch, EQ_TILE * width);
  work.m = eq_take(&scratch, EQ_TILE * width);
  work.packed = eq_take(&scratch, EQ_TILE * width);
  float *w2 = eq_take(&scratch, width * width), *w3 = eq_take(&scratch, width * width);
  eq_arrange(halves, 1, width, p->w2, w2, work.hidden);
  eq_arrange(halves, 1, width, p->w3, w3, work.hidden);
  for (int64_t first = part->begin; first < part->end; first += EQ_TILE) {
    eq_tile *tile = &work.tile;
    int wrong = eq_gather(p, first, part->end, tile);
    if (wrong) return wrong;
    int rows = tile->rows, used = tile->count * width;
    float *kept = eq_kept(p, part, first, tile->count);
    eq_first_layer(p, tile, work.hidden, NULL);
    eq_linear(halves, rows, width, work.hidden, work.packed, w2, p->b2, work.u);
    /* Twice the same, so that what is asked once for a tile is not asked for every number. */
    if (kept)
      eq_activate(used, work.u, work.m, NULL, kept);
    else
      eq_activate(used, work.u, work.m, NULL, NULL);
    if (p->wa) eq_attend(p, rows, work.m, work.gates, work.m);
    eq_linear(halves, rows, width, work.m, work.packed, w3, p->b3, work.u);
    if (kept)
      eq_add_tile(1, p, &work, part->low, messages, moves, kept + used);
    else
      eq_add_tile(0, p, &work, part->low, messages, moves, NULL);
  }
  eq_end_of_stream();
  return EQ_DONE;
}

static int eq_forward_on_own(const eq_egnn *p, eq_part *part, float *messages, float *moves) {
  float *scratch = eq_scratch_get(eq_work_floats(p));
  if (!scratch) return EQ_NO_MEMORY;
#if EQ_BFLOAT16
  if (p->halves) return eq_forward_part(1, p, part, messages, moves, scratch);
#endif
  return eq_forward_part(0, p, part, messages, moves, scratch);
}

/* EQ_DONE, or what is wrong. */
EQ_EXPORT int eq_egnn_forward(const eq_egnn *p) {
  eq_part parts[EQ_MOST_PARTS];
  float *own[EQ_MOST_PARTS] = {NULL};
  int count = eq_find_parts(p, 0, parts), failed = 0;
  int64_t width = p->channels;
  eq_zero(p->messages, p->nodes * width);
  eq_zero(p->moves, p->nodes * 3);
#pragma omp parallel for num_threads(count) schedule(static, 1) if (count > 1) reduction(| : failed)
  for (int k = 0; k < count; k++) {
    eq_part *part = parts + k;
    size_t rows = part->high - part->low;
    if (part->shared) {
      own[k] = calloc(rows * (width + 3), sizeof(float));
      failed |= own[k] ? eq_forward_on_own(p, part, own[k], own[k] + rows * width) : EQ_NO_MEMORY;
    } else {
      part->low = 0;
      failed |= eq_forward_on_own(p, part, p->messages, p->moves);
    }
  }
  for (int k = 0; k < count; k++) {
    if (!own[k]) continue;
    size_t rows = parts[k].high - parts[k].low;
    eq_collect(p->messages + parts[k].low * width, own[k], rows * width);
    eq_collect(p->moves + parts[k].low * 3, own[k] + rows * width, rows * 3);
    free(own[k]);
  }
  return failed;
}

/* Whether products of bfloat16 can be had. */
EQ_EXPORT int eq_egnn_bfloat16(void) { return EQ_BFLOAT16; }
