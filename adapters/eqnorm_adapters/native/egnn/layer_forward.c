/* Values of layer.h. */
#include <math.h>

#include "layer.h"

static int eq_first_forward(const eq_layer *p) {
  int width = (int)p->edges->channels, count = eq_count_threads(p);
  int64_t stride = 2 * width + p->edges->scalars, nodes = p->edges->nodes;
  float *next = eq_scratch_get(2 * width * width + 32);
  if (!next) return EQ_NO_MEMORY;
  float *at_receiver = eq_take(&next, width * width), *at_sender = eq_take(&next, width * width);
  eq_transpose(width, p->w1, stride, at_receiver);
  eq_transpose(width, p->w1 + width, stride, at_sender);
#pragma omp parallel for num_threads(count) schedule(static, 1) if (count > 1)
  for (int k = 0; k < count; k++) {
    int64_t begin = nodes * k / count, rows = nodes * (k + 1) / count - begin;
    const float *h = p->h + begin * width;
    float *a = p->first + begin * 2 * width;
    eq_product(rows, width, width, h, width, 1, at_receiver, width, p->b1, a, 2 * width, 0);
    eq_product(rows, width, width, h, width, 1, at_sender, width, NULL, a + width, 2 * width, 0);
  }
  return EQ_DONE;
}

/* EQ_DONE, or what is wrong. */
int eq_layer_forward(const eq_layer *p) {
  int64_t width = p->edges->channels, nodes = p->edges->nodes;
  eq_first_scalars(p);
  int wrong = eq_first_forward(p);
  if (!wrong) wrong = eq_egnn_forward(p->edges);
  if (!wrong && p->velocity) wrong = eq_rows_forward(p->velocity);
  if (wrong) return wrong;
  for (int64_t i = 0; i < nodes; i++) {
    float scale = (float)p->weight * eq_scale(p, p->move_how, i), *update = p->edges->moves + 3 * i;
    for (int c = 0; c < 3; c++) {
      update[c] *= scale;
      if (p->velocity) update[c] += p->velocity->y[i] * p->v[3 * i + c];
    }
    if (!p->message_how) continue;
    float of_messages = eq_scale(p, p->message_how, i), *total = p->edges->messages + i * width;
    for (int64_t c = 0; c < width; c++) total[c] *= of_messages;
  }
  return p->nodes ? eq_rows_forward(p->nodes) : EQ_DONE;
}
