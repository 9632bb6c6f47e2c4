/* Both directions of stack.h. */
#include "stack.h"

EQ_INLINE void eq_norm_forward(const eq_norm *n, const float *x, const float *h, float *y) {
  n->forward(n->table, n->how, n->limits, n->eps, x, h, y);
}

/* EQ_DONE, or what is wrong. */
EQ_EXPORT int eq_stack_forward(const eq_stack *s) {
  size_t points = 3 * s->edges->nodes;
  int wrong = EQ_DONE;
  for (int64_t l = 0; l < s->layers && !wrong; l++) {
    eq_stack_layer r;
    eq_stack_fill(s, l, &r);
    r.edges.w1 = r.layer.scalars = s->room + s->layers * eq_stack_floats(s);
    r.edges.moves = r.update;
    if (r.of_h) eq_norm_forward(r.of_h, r.features, NULL, r.h);
    wrong = eq_layer_forward(&r.layer);
    if (wrong) break;
    if (r.of_update) eq_norm_forward(r.of_update, r.update, r.h, r.place);
    for (size_t n = 0; n < points && !s->update; n++) r.place[n] += r.x[n];
    if (r.of_place) eq_norm_forward(r.of_place, r.place, r.h_next, r.x_next);
  }
  return wrong;
}

static void eq_add(size_t floats, float *total, const float *more) {
  for (size_t n = 0; n < floats; n++) total[n] += more[n];
}

/* Room for gradients of norms, and where those of initial points and velocities are added up. */
typedef struct {
  size_t points;
  float *of_place, *of_update; /* (N, 3) */
  float *of_next, *of_h;       /* (N, C): of features after the layer, of those it is made of, */
  float *to_h;                 /* (N, C): the same from the layer itself */
  float *g_x0, *g_v, *more;    /* (N, 3), g_v NULL if not wanted */
} eq_norm_room;

/* That of x is filled, that of h if there is one: returns it, or NULL. */
static float *eq_norm_backward(const eq_norm *n, const eq_norm_room *r, const float *x,
                               const float *h, const float *g, float *g_x, float *g_h) {
  float *g_x0 = n->of_x0 ? r->more : NULL, *g_v = n->of_v ? r->more + r->points : NULL;
  if (!n->of_h) g_h = NULL;
  n->backward(n->table, n->how, n->limits, x, h, g, g_x, g_x0, g_v, g_h);
  if (g_x0) eq_add(r->points, r->g_x0, g_x0);
  if (g_v) eq_add(r->points, r->g_v, g_v);
  return g_h;
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
  float *g_w1 = eq_take(&next, (e->scalars + 1) * width);
  eq_norm_room room = {.points = points, .g_v = s->g_v};
  if (s->norms) {
    room.of_place = eq_take(&next, points);
    room.of_update = eq_take(&next, points);
    room.of_next = eq_take(&next, nodes * width);
    room.of_h = eq_take(&next, nodes * width);
    room.to_h = eq_take(&next, nodes * width);
    room.g_x0 = eq_take(&next, points);
    room.more = eq_take(&next, 2 * points);
    eq_zero(room.g_x0, points);
  }
  float *g_e = next;
  int one = s->layers == 1 && !s->norms, sums_up = !s->update; /* of an update nothing is passed on to x */
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
    int moved = s->g_x_out || l < s->layers - 1; /* positions after it have a gradient */
    const float *g_update = !moved ? NULL : sums_up ? s->g_x : s->g_x_out;
    float *to_before = NULL;
    eq_stack_fill(s, l, &r);
    if (r.of_place && moved) {
      float *of_next = eq_norm_backward(r.of_place, &room, r.place, r.h_next, s->g_x,
                                        room.of_place, room.of_next);
      memcpy(s->g_x, room.of_place, points * sizeof(float));
      if (of_next && g_y) eq_add(nodes * width, of_next, g_y);
      if (of_next) g_y = of_next;
    }
    if (r.of_update && moved) {
      to_before = eq_norm_backward(r.of_update, &room, r.update, r.h, g_update, room.of_update,
                                   room.of_h);
      g_update = room.of_update;
    }
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
    float *to_features = l ? g_h[l % 2] : s->g_h, *to_h = r.of_h ? room.to_h : to_features;
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
    r.layer.g_update = g_update;
    r.layer.g_v = one || !s->g_v ? s->g_v : g_v;
    if (!r.layer.g_update) {
      r.edges.g_moves = NULL;
      r.layer.velocity = NULL;
    }
    r.layer.g_w1 = g[EQ_W1], r.layer.g_b1 = g[EQ_B1];
    int wrong = eq_layer_backward(&r.layer);
    if (wrong) return wrong;
    if (sums_up) eq_add(points, s->g_x, g_x);
    if (to_before) eq_add(nodes * width, to_h, to_before);
    if (!one && s->g_v && r.layer.velocity) eq_add(points, s->g_v, g_v);
    if (!one) eq_add(of_edges, s->g_e, g_e);
    if (r.of_h) eq_norm_backward(r.of_h, &room, r.features, NULL, to_h, to_features, NULL);
    g_y = to_features;
  }
  if (s->norms) eq_add(points, s->g_x, room.g_x0);
  return EQ_DONE;
}
