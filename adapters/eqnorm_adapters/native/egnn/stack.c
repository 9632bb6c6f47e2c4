/* Both directions of stack.h. */
#include "stack.h"

/* EQ_DONE, or what is wrong. */
EQ_EXPORT int eq_stack_forward(const eq_stack *s) {
  size_t points = 3 * s->edges->nodes;
  int wrong = EQ_DONE;
  for (int64_t l = 0; l < s->layers && !wrong; l++) {
    eq_stack_layer r;
    eq_stack_fill(s, l, &r);
    r.edges.w1 = r.layer.scalars = s->room + s->layers * eq_stack_floats(s);
    r.edges.moves = r.x_next;
    wrong = eq_layer_forward(&r.layer);
    for (size_t n = 0; n < points && !s->update; n++) r.x_next[n] += r.x[n];
  }
  return wrong;
}

static void eq_add(size_t floats, float *total, const float *more) {
  for (size_t n = 0; n < floats; n++) total[n] += more[n];
}

/* EQ_DONE, or what is wrong. */
EQ_EXPORT int eq_stack_backward(const eq_stack *s) {
  const eq_egnn *e = s->edges;
  size_t nodes = e->nodes, width = e->channels, points = 3 * nodes;
  size_t of_edges = s->g_e ? e->edges * (e->scalars - 1) : 0;
  float *next = s->g_room;
  float *g_first = eq_take(&next, 2 * nodes * width), *sums = eq_take(&next, nodes * width);
  float *g_h[] = {eq_take(&next, nodes * width), eq_take(&next, nodes * width)};
  float *g_factor = eq_take(&next, nodes), *moves = eq_take(&next, points);
  float *g_x = eq_take(&next, points), *g_v = eq_take(&next, points);
  float *w1 = eq_take(&next, e->scalars * width);
  float *g_w1 = eq_take(&next, (e->scalars + 1) * width), *g_e = next;
  int one = s->layers == 1, sums_up = !s->update; /* of an update nothing is passed on to x */
  if (sums_up && s->g_x_out) memcpy(s->g_x, s->g_x_out, points * sizeof(float));
  if (sums_up && !s->g_x_out) eq_zero(s->g_x, points);
  if (!one) {
    eq_zero(s->g_v, points);
    eq_zero(s->g_e, of_edges);
  }
  const float *g_y = s->g_h_out; /* of the features that a layer gives */
  for (int64_t l = s->layers - 1; l >= 0; l--) {
    eq_stack_layer r;
    float *const *g = s->g_parameters + l * EQ_PARAMETERS;
    eq_stack_fill(s, l, &r);
    r.edges.w1 = r.layer.scalars = w1;
    r.layer.first = r.edges.g_a = g_first;
    r.edges.g_b = g_first + width;
    r.edges.g_x = sums_up ? g_x : s->g_x;
    r.edges.g_e = one || !s->g_e ? s->g_e : g_e;
    r.edges.g_w1 = g_w1;
    r.edges.g_w2 = g[EQ_W2], r.edges.g_b2 = g[EQ_B2], r.edges.g_w3 = g[EQ_W3];
    r.edges.g_b3 = g[EQ_B3], r.edges.g_w4 = g[EQ_W4], r.edges.g_wa = g[EQ_WA];
    r.edges.g_ba = g[EQ_BA];
    r.edges.g_messages = g_y ? sums : NULL;
    r.edges.g_moves = r.layer.g_moves = moves;
    float *const *of_v = g + EQ_PHI_V, *const *of_h = g + EQ_PHI_H;
    float *to_h = l ? g_h[l % 2] : s->g_h;
    r.velocity.g_y = r.layer.g_factor = g_factor;
    r.velocity.g_p = r.nodes.g_p = r.layer.g_h = to_h;
    r.velocity.more = 1; /* phi_h gives its part of the gradient of h before, or there are zeros */
    r.velocity.g_w1 = of_v[0], r.velocity.g_b1 = of_v[1];
    r.velocity.g_w2 = of_v[2], r.velocity.g_b2 = of_v[3];
    r.nodes.g_y = g_y;
    r.nodes.g_q = r.layer.g_messages = sums;
    r.nodes.g_w1 = of_h[0], r.nodes.g_b1 = of_h[1], r.nodes.g_w2 = of_h[2], r.nodes.g_b2 = of_h[3];
    if (!r.layer.nodes) r.layer.g_total = g_y;
    if (!g_y) r.layer.nodes = NULL;
    r.layer.g_update = sums_up ? s->g_x : s->g_x_out;
    r.layer.g_v = one || !s->g_v ? s->g_v : g_v;
    if (!r.layer.g_update) {
      r.edges.g_moves = NULL;
      r.layer.velocity = NULL;
    }
    r.layer.g_w1 = g[EQ_W1], r.layer.g_b1 = g[EQ_B1];
    int wrong = eq_layer_backward(&r.layer);
    if (wrong) return wrong;
    if (sums_up) eq_add(points, s->g_x, g_x);
    if (!one && s->g_v) eq_add(points, s->g_v, g_v);
    if (!one) eq_add(of_edges, s->g_e, g_e);
    g_y = to_h;
  }
  return EQ_DONE;
}
