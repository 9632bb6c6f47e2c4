/* Gradients of layer.h. */
#include <math.h>

#include "layer.h"

#define EQ_DEPTH 192 /* rows of a product's block: they stay in the cache */

/* Of h, W1 and b1 from those of a and b; that of h is added to what is there. */
static void eq_first_backward(const eq_layer *p) {
  int width = (int)p->edges->channels, scalars = (int)p->edges->scalars;
  int64_t stride = 2 * width + scalars, nodes = p->edges->nodes;
  int count = eq_count_threads(p), bands = width / 16;
  for (int c = 0; c < width; c++) {
    memset(p->g_w1 + c * stride, 0, sizeof(float) * 2 * width);
    for (int k = 0; k < scalars; k++)
      p->g_w1[c * stride + 2 * width + k] = p->edges->g_w1[k * width + c];
  }
#pragma omp parallel num_threads(count) if (count > 1)
  {
#pragma omp for schedule(static) nowait
    for (int k = 0; k < count; k++) {
      int64_t begin = nodes * k / count, rows = nodes * (k + 1) / count - begin;
      const float *g = p->first + begin * 2 * width;
      float *g_h = p->g_h + begin * width;
      eq_product(rows, width, width, g, 2 * width, 1, p->w1, stride, NULL, g_h, width, 1);
      eq_product(rows, width, width, g + width, 2 * width, 1, p->w1 + width, stride, NULL, g_h,
                 width, 1);
    }
    /* A band of 16 rows of both halves of W1 at a time: sums are in one order for any threads. */
#pragma omp for schedule(static)
    for (int k = 0; k < (count > 1 ? bands : 1); k++) {
      int begin = count > 1 ? 16 * k : 0, rows = count > 1 ? 16 : width;
      for (int64_t r = 0; r < nodes; r += EQ_DEPTH) {
        int depth = (int)(nodes - r < EQ_DEPTH ? nodes - r : EQ_DEPTH);
        const float *g = p->first + r * 2 * width + begin, *h = p->h + r * width;
        float *to = p->g_w1 + begin * stride;
        eq_product(rows, width, depth, g, 1, 2 * width, h, width, NULL, to, stride, 1);
        eq_product(rows, width, depth, g + width, 1, 2 * width, h, width, NULL, to + width, stride,
                   1);
      }
    }
  }
  eq_zero(p->g_b1, width);
  for (int64_t i = 0; i < nodes; i++)
    for (int c = 0; c < width; c += EQ_LANES)
      eq_store(p->g_b1 + c, eq_load(p->g_b1 + c) + eq_load(p->first + i * 2 * width + c));
}

/* From the gradient of the update to those of the moves, of phi_v and of the velocities. */
static void eq_update_backward(const eq_layer *p) {
  for (int64_t i = 0; i < p->edges->nodes; i++) {
    const float *g = p->g_update + 3 * i;
    float scale = (float)p->weight * eq_scale(p, p->move_how, i);
    for (int c = 0; c < 3; c++) p->g_moves[3 * i + c] = scale * g[c];
    if (!p->velocity) continue;
    const float *v = p->v + 3 * i;
    p->g_factor[i] = g[0] * v[0] + g[1] * v[1] + g[2] * v[2];
    if (p->g_v)
      for (int c = 0; c < 3; c++) p->g_v[3 * i + c] = p->velocity->y[i] * g[c];
  }
}

/* EQ_DONE, or what is wrong. */
int eq_layer_backward(const eq_layer *p) {
  int64_t width = p->edges->channels, nodes = p->edges->nodes;
  int wrong = 0;
  eq_first_scalars(p);
  if (!p->nodes) eq_zero(p->g_h, nodes * width);
  if (p->nodes) wrong = eq_rows_backward(p->nodes);
  if (p->g_update) eq_update_backward(p);
  if (!wrong && p->velocity) wrong = eq_rows_backward(p->velocity);
  if (wrong) return wrong;
  const float *from = p->nodes ? p->g_messages : p->g_total;
  if (from)
    for (int64_t i = 0; i < nodes; i++) {
      float scale = eq_scale(p, p->message_how, i);
      for (int64_t c = 0; c < width; c++)
        p->g_messages[i * width + c] = scale * from[i * width + c];
    }
  wrong = eq_egnn_backward(p->edges);
  if (wrong) return wrong;
  eq_first_backward(p);
  return EQ_DONE;
}
