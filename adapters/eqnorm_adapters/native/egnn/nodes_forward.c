/* Values of the networks of nodes.h. */
#include "nodes.h"

static int eq_rows_block(const eq_rows *t, int64_t begin, int64_t end) {
  int width = (int)t->channels;
  int64_t stride = t->q ? 2 * width : width;
  float *next = eq_scratch_get(3 * width * width + EQ_ROWS * width + 64);
  if (!next) return 1;
  float *w1p = eq_take(&next, width * width), *w1q = eq_take(&next, width * width);
  float *w2 = eq_take(&next, width * width), *s = eq_take(&next, EQ_ROWS * width);
  eq_transpose(width, t->w1, stride, w1p);
  if (t->q) eq_transpose(width, t->w1 + width, stride, w1q);
  if (t->outputs > 1) eq_transpose(width, t->w2, width, w2);
  for (int64_t r = begin; r < end; r += EQ_ROWS) {
    int rows = (int)(end - r < EQ_ROWS ? end - r : EQ_ROWS);
    float *u = t->u + r * width, *y = t->y + r * t->outputs;
    const float *p = t->p + r * width;
    eq_product(rows, width, width, p, width, 1, w1p, width, t->b1, u, width, 0);
    if (t->q)
      eq_product(rows, width, width, t->q + r * width, width, 1, w1q, width, NULL, u, width, 1);
    eq_silu_rows(rows * width, u, s, NULL);
    if (t->outputs == 1) {
      for (int k = 0; k < rows; k++) y[k] = eq_dot(width, s + k * width, t->w2) + t->b2[0];
      continue;
    }
    eq_product(rows, width, width, s, width, 1, w2, width, t->b2, y, width, 0);
    if (!t->residual) continue;
    for (int n = 0; n < rows * width; n += EQ_LANES) eq_store(y + n, eq_load(y + n) + eq_load(p + n));
  }
  return 0;
}

/* 0, or 1 where there is no memory. */
EQ_EXPORT int eq_rows_forward(const eq_rows *t) {
  int count = eq_count_blocks(t), failed = 0;
#pragma omp parallel for num_threads(count) schedule(static, 1) if (count > 1) reduction(| : failed)
  for (int k = 0; k < count; k++)
    failed |= eq_rows_block(t, t->rows * k / count, t->rows * (k + 1) / count);
  return failed;
}
