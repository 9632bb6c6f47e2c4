/* Gradients of what forward.c computes, with every tile computed anew but for what it has kept. */
#include "backward.h"
#include "eq_weights.h"

static size_t eq_work_floats(const eq_egnn *p) {
  size_t tile = EQ_TILE * p->channels;
  return 8 * tile + EQ_TILE * eq_even(p->scalars) + 4 * p->channels * p->channels + 256;
}

EQ_INLINE int eq_backward_part(const int halves, const eq_egnn *p, const eq_part *part,
                                eq_sums *sums, float *scratch) {
  int width = (int)p->channels;
  eq_work work;
  work.tile.s = eq_take(&scratch, EQ_TILE * eq_even(p->scalars));
  float **buffers[] = {&work.hidden, &work.slope1, &work.m, &work.slope2, &work.attended,
                       &work.u,      &work.g,      &work.packed};
  for (int k = 0; k < 8; k++) *buffers[k] = eq_take(&scratch, EQ_TILE * width);
  float *matrices[4];
  for (int k = 0; k < 4; k++) {
    matrices[k] = eq_take(&scratch, width * width);
    if (k < 2 && p->kept && p->kept_edges == p->edges) continue; /* nothing is computed anew */
    eq_arrange(halves, k < 2, width, k % 2 ? p->w3 : p->w2, matrices[k], work.hidden);
  }
  if (!p->wa) work.attended = work.m;
  for (int64_t first = part->begin; first < part->end; first += EQ_TILE) {
    eq_tile *tile = &work.tile;
    int wrong = eq_gather(p, first, part->end, tile);
    if (wrong) return wrong;
    int rows = tile->rows, used = tile->count * width;
    const float *kept = eq_kept(p, part, first, tile->count);
    eq_first_layer(p, tile, work.hidden, work.slope1);
    if (!kept)
      eq_linear(halves, rows, width, work.hidden, work.packed, matrices[0], p->b2, work.slope2);
    eq_activate(used, kept ? kept : work.slope2, work.m, work.slope2, NULL);
    for (int n = used; n < rows * width; n++) work.m[n] = work.slope2[n] = 0; /* of no edge */
    if (p->wa) eq_attend(p, rows, work.m, work.gates, work.attended);
    if (!kept)
      eq_linear(halves, rows, width, work.attended, work.packed, matrices[1], p->b3, work.u);
    eq_backward_weights(p, kept ? kept + used : work.u, &work, sums);
    eq_outer(halves, rows, width, work.u, work.attended, work.packed, sums->w3);
    eq_linear(halves, rows, width, work.u, work.packed, matrices[3], NULL, work.g);
    eq_backward_messages(p, &work, sums);
    eq_outer(halves, rows, width, work.g, work.hidden, work.packed, sums->w2);
    eq_linear(halves, rows, width, work.g, work.packed, matrices[2], NULL, work.u);
    eq_backward_nodes(p, part->low, first, &work, sums);
  }
  return EQ_DONE;
}

static int eq_backward_on_own(const eq_egnn *p, const eq_part *part, eq_sums *sums) {
  float *scratch = eq_scratch_get(eq_work_floats(p));
  if (!scratch) return EQ_NO_MEMORY;
#if EQ_BFLOAT16
  if (p->halves) return eq_backward_part(1, p, part, sums, scratch);
#endif
  return eq_backward_part(0, p, part, sums, scratch);
}

static size_t eq_parameter_floats(const eq_egnn *p) {
  size_t width = p->channels;
  return width * (2 * width + eq_even(p->scalars) + 4) + 16;
}

/* Sums of a part's own, in one block of memory. */
static void eq_place(const eq_egnn *p, size_t rows, float *next, eq_sums *sums) {
  size_t width = p->channels;
  sums->a = next, next += rows * p->stride;
  sums->b = sums->a + (p->g_b - p->g_a);
  sums->x = p->g_x ? next : NULL, next += rows * 3;
  sums->w2 = next, next += width * width;
  sums->w3 = next, next += width * width;
  sums->w1 = next, next += width * eq_even(p->scalars);
  sums->b2 = next, next += width;
  sums->b3 = next, next += width;
  sums->w4 = next, next += width;
  sums->wa = next, next += width;
  sums->ba = next;
}

static void eq_collect_part(const eq_egnn *p, const eq_part *part, const eq_sums *sums) {
  size_t width = p->channels, rows = part->high - part->low;
  if (part->shared) {
    eq_collect(p->g_a + part->low * p->stride, sums->a, rows * p->stride);
    if (p->g_x) eq_collect(p->g_x + part->low * 3, sums->x, rows * 3);
  }
  eq_collect(p->g_w2, sums->w2, width * width);
  eq_collect(p->g_w3, sums->w3, width * width);
  eq_collect(p->g_w1, sums->w1, width * eq_even(p->scalars));
  eq_collect(p->g_b2, sums->b2, width);
  eq_collect(p->g_b3, sums->b3, width);
  eq_collect(p->g_w4, sums->w4, width);
  if (!p->wa) return;
  eq_collect(p->g_wa, sums->wa, width);
  eq_collect(p->g_ba, sums->ba, 1);
}

static void eq_zero_all(const eq_egnn *p) {
  size_t width = p->channels;
  eq_zero(p->g_a, p->nodes * p->stride); /* and g_b, which lies between */
  eq_zero(p->g_x, p->nodes * 3);
  eq_zero(p->g_w1, width * eq_even(p->scalars));
  float *matrices[] = {p->g_w2, p->g_w3}, *rows[] = {p->g_b2, p->g_b3, p->g_w4, p->g_wa};
  for (int k = 0; k < 2; k++) eq_zero(matrices[k], width * width);
  for (int k = 0; k < 4; k++) eq_zero(rows[k], width);
  eq_zero(p->g_ba, 1);
}

/* EQ_DONE, or what is wrong. */
EQ_EXPORT int eq_egnn_backward(const eq_egnn *p) {
  eq_part parts[EQ_MOST_PARTS];
  eq_sums sums[EQ_MOST_PARTS];
  float *own[EQ_MOST_PARTS] = {NULL};
  int count = eq_find_parts(p, 1, parts), failed = 0;
  const eq_sums whole = {p->g_a,  p->g_b,  p->g_x,  p->g_w1, p->g_w2, p->g_b2,
                         p->g_w3, p->g_b3, p->g_w4, p->g_wa, p->g_ba};
  eq_zero_all(p);
#pragma omp parallel for num_threads(count) schedule(static, 1) if (count > 1) reduction(| : failed)
  for (int k = 0; k < count; k++) {
    eq_part *part = parts + k;
    sums[k] = whole;
    if (count > 1) {
      size_t rows = part->shared ? part->high - part->low : 0;
      own[k] = calloc(rows * (p->stride + 3) + eq_parameter_floats(p), sizeof(float));
      if (!own[k]) {
        failed |= EQ_NO_MEMORY;
        continue;
      }
      eq_place(p, rows, own[k], sums + k);
    }
    if (!part->shared) {
      part->low = 0;
      sums[k].a = p->g_a, sums[k].b = p->g_b, sums[k].x = p->g_x;
    }
    failed |= eq_backward_on_own(p, part, sums + k);
  }
  for (int k = 0; k < count; k++) {
    if (!own[k]) continue;
    if (!failed) eq_collect_part(p, parts + k, sums + k);
    free(own[k]);
  }
  return failed;
}
