/* Gradients of the networks of nodes.h. */
#include "nodes.h"

/* Where the gradients of the parameters go. */
typedef struct {
  float *w1, *b1, *w2, *b2;
} eq_rows_sums;

static void eq_add_columns(int rows, int width, const float *values, float *total) {
  for (int c = 0; c < width; c += EQ_LANES) {
    eq_vec sum = eq_load(total + c);
    for (int r = 0; r < rows; r++) sum += eq_load(values + r * width + c);
    eq_store(total + c, sum);
  }
}

static int eq_rows_block(const eq_rows *t, int64_t begin, int64_t end, eq_rows_sums *sums) {
  int width = (int)t->channels;
  int64_t stride = t->q ? 2 * width : width;
  float *next = eq_scratch_get(3 * EQ_ROWS * width + 64);
  if (!next) return 1;
  float *s = eq_take(&next, EQ_ROWS * width), *slope = eq_take(&next, EQ_ROWS * width);
  float *g = eq_take(&next, EQ_ROWS * width);
  for (int64_t r = begin; r < end; r += EQ_ROWS) {
    int rows = (int)(end - r < EQ_ROWS ? end - r : EQ_ROWS);
    const float *p = t->p + r * width, *g_y = t->g_y + r * t->outputs;
    eq_silu_rows(rows * width, t->u + r * width, s, slope);
    if (t->outputs == 1) {
      for (int k = 0; k < rows; k++) {
        for (int c = 0; c < width; c += EQ_LANES) {
          eq_store(g + k * width + c, g_y[k] * eq_load(t->w2 + c));
          eq_store(sums->w2 + c, eq_load(sums->w2 + c) + g_y[k] * eq_load(s + k * width + c));
        }
        sums->b2[0] += g_y[k];
      }
    } else {
      eq_add_columns(rows, width, g_y, sums->b2);
      eq_product(width, width, rows, g_y, 1, width, s, width, NULL, sums->w2, width, 1);
      eq_product(rows, width, width, g_y, width, 1, t->w2, width, NULL, g, width, 0);
    }
    for (int n = 0; n < rows * width; n += EQ_LANES)
      eq_store(g + n, eq_load(g + n) * eq_load(slope + n));
    eq_add_columns(rows, width, g, sums->b1);
    float *g_p = t->g_p + r * width;
    eq_product(width, width, rows, g, 1, width, p, width, NULL, sums->w1, stride, 1);
    if (t->residual && !t->more) memcpy(g_p, g_y, sizeof(float) * rows * width);
    if (t->residual && t->more)
      for (int n = 0; n < rows * width; n++) g_p[n] += g_y[n];
    eq_product(rows, width, width, g, width, 1, t->w1, stride, NULL, g_p, width,
               t->residual || t->more);
    if (!t->q) continue;
    const float *q = t->q + r * width;
    eq_product(width, width, rows, g, 1, width, q, width, NULL, sums->w1 + width, stride, 1);
    eq_product(rows, width, width, g, width, 1, t->w1 + width, stride, NULL, t->g_q + r * width,
               width, 0);
  }
  return 0;
}

/* 0, or 1 where there is no memory. */
EQ_EXPORT int eq_rows_backward(const eq_rows *t) {
  int count = eq_count_blocks(t), failed = 0;
  size_t width = t->channels, first = width * (t->q ? 2 * width : width), out = t->outputs;
  size_t floats = first + width + out * width + out;
  float *own = count > 1 ? calloc(count * floats, sizeof(float)) : NULL;
  if (count > 1 && !own) return 1;
  eq_zero(t->g_w1, first);
  eq_zero(t->g_b1, width);
  eq_zero(t->g_w2, out * width);
  eq_zero(t->g_b2, out);
#pragma omp parallel for num_threads(count) schedule(static, 1) if (count > 1) reduction(| : failed)
  for (int k = 0; k < count; k++) {
    eq_rows_sums sums = {t->g_w1, t->g_b1, t->g_w2, t->g_b2};
    if (own) {
      float *start = own + k * floats;
      sums = (eq_rows_sums){start, start + first, start + first + width,
                            start + first + width + out * width};
    }
    failed |= eq_rows_block(t, t->rows * k / count, t->rows * (k + 1) / count, &sums);
  }
  for (int k = 0; own && k < count; k++) { /* always in the same order */
    const float *start = own + k * floats;
    for (size_t n = 0; n < first; n++) t->g_w1[n] += start[n];
    for (size_t n = 0; n < width; n++) t->g_b1[n] += start[first + n];
    for (size_t n = 0; n < out * width; n++) t->g_w2[n] += start[first + width + n];
    for (size_t n = 0; n < out; n++) t->g_b2[n] += start[first + width + out * width + n];
  }
  free(own);
  return failed;
}
