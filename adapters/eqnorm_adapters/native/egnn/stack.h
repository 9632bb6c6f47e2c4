/* Layers of layer.h one after another: x and h of a layer are
 *
 *   x' = norm(x + norm(update))      h' = features, or totals without phi_h
 *
 * of the one before, made of x and norm(h), with norms where there are any. For few nodes the time of a step is that of
 * calling; these are single calls. Of a single layer the update alone may be wanted, without norms.
 */
#ifndef EQ_STACK_H
#define EQ_STACK_H

#include <math.h>

#include "eq_norm.h"
#include "layer.h"

/* The parameters of a layer, in this order; NULL for what there is not. */
enum {
  EQ_W1, EQ_B1, EQ_W2, EQ_B2, EQ_W3, EQ_B3, EQ_W4, EQ_WA, EQ_BA,
  EQ_PHI_V, EQ_PHI_H = EQ_PHI_V + 4, /* W1, b1, W2, b2 of each */
  EQ_PARAMETERS = EQ_PHI_H + 4
};

/* The norms of a layer, in this order: of h before it, of its update and of its positions. */
enum { EQ_OF_H, EQ_OF_UPDATE, EQ_OF_PLACE, EQ_NORMS };

/* The same fields in the same order as `_Stack` in Python. */
typedef struct {
  const eq_egnn *edges;        /* what all layers share: numbers, e, edges */
  int64_t layers, update, residual, message_how, move_how; /* update: x_out is that of one layer */
  int64_t degree;              /* edges of every node, if `degrees` is NULL */
  const int64_t *degrees;      /* (N,) */
  double weight;
  const float *x, *h, *v;      /* (N, 3), (N, C), (N, 3); v may be NULL */
  float *x_out, *h_out;        /* of the last layer */
  const float *const *parameters; /* EQ_PARAMETERS of each layer */
  float *const *kept;          /* one of each layer, for eq_egnn.kept */
  const int64_t *kept_edges;   /* of each layer */
  const eq_norm *norms;        /* of each layer EQ_NORMS, or NULL; one of zeros is none */
  float *room;                 /* L (N (6 C + 4) + 128) + C K floats, from forward to backward, */
                               /* L (N (C + 6) + 48) more for norms, and what these keep */
  const float *g_x_out, *g_h_out; /* either may be NULL for zeros */
  float *g_x, *g_h, *g_v, *g_e;   /* NULL where they are not wanted; g_x so for an update only */
  float *const *g_parameters;  /* those of phi_h in the last layer may be NULL if g_h_out is */
  float *g_room; /* N (5 C + 10) + 2 C (K + 1) + 160 floats, E (K - 1) more for g_e of layers, */
                 /* N (3 C + 15) + 112 more for norms */
} eq_stack;

int eq_layer_forward(const eq_layer *);
int eq_layer_backward(const eq_layer *);

/* All records of one layer. */
typedef struct {
  eq_egnn edges;
  eq_rows velocity, nodes;
  eq_layer layer;
  float *x, *h, *x_next, *h_next; /* what the layer is made of, and what goes out */
  float *features, *update, *place; /* what comes into norms; h, x_next where there is none */
  const eq_norm *of_h, *of_update, *of_place; /* or NULL */
} eq_stack_layer;

/* What a layer keeps, whole vectors. */
EQ_INLINE size_t eq_stack_floats(const eq_stack *s) {
  size_t nodes = s->edges->nodes, width = s->edges->channels;
  size_t norms = s->norms ? nodes * (width + 6) + 48 : 0;
  return (nodes * (6 * width + 4) + norms + 127) / 16 * 16;
}

/* A norm of layer `l`, or NULL. */
EQ_INLINE const eq_norm *eq_stack_norm(const eq_stack *s, int64_t l, int which) {
  const eq_norm *norm = s->norms ? s->norms + EQ_NORMS * l + which : NULL;
  return norm && norm->forward ? norm : NULL;
}

/* What both directions need of layer `l`; its parts of s->room are in order. */
static void eq_stack_fill(const eq_stack *s, int64_t l, eq_stack_layer *r) {
  const float *const *w = s->parameters + l * EQ_PARAMETERS;
  size_t nodes = s->edges->nodes, width = s->edges->channels;
  size_t floats = eq_stack_floats(s);
  float *next = s->room + l * floats;
  float *first = eq_take(&next, 2 * nodes * width), *hidden = eq_take(&next, nodes * width);
  float *updated = eq_take(&next, nodes * width), *total = eq_take(&next, nodes * width);
  float *factor = eq_take(&next, nodes);
  float *after[] = {eq_take(&next, nodes * 3), eq_take(&next, nodes * width)}; /* x, h */
  int last = l == s->layers - 1;
  r->x = l ? after[0] - floats : (float *)s->x;
  r->features = l ? after[1] - floats : (float *)s->h;
  r->x_next = last ? s->x_out : after[0];
  r->h_next = last ? s->h_out : after[1];
  r->of_h = eq_stack_norm(s, l, EQ_OF_H);
  r->of_update = eq_stack_norm(s, l, EQ_OF_UPDATE);
  r->of_place = eq_stack_norm(s, l, EQ_OF_PLACE);
  r->h = r->of_h ? eq_take(&next, nodes * width) : r->features;
  r->place = r->of_place ? eq_take(&next, nodes * 3) : r->x_next;
  r->update = r->of_update ? eq_take(&next, nodes * 3) : r->place;
  r->edges = *s->edges;
  r->edges.a = first;
  r->edges.b = first + width;
  r->edges.x = r->x;
  r->edges.w2 = w[EQ_W2], r->edges.b2 = w[EQ_B2], r->edges.w3 = w[EQ_W3], r->edges.b3 = w[EQ_B3];
  r->edges.w4 = w[EQ_W4], r->edges.wa = w[EQ_WA], r->edges.ba = w[EQ_BA];
  r->edges.messages = w[EQ_PHI_H] ? total : r->h_next;
  r->edges.kept = s->kept[l];
  r->edges.kept_edges = s->kept_edges[l];
  int64_t threads = s->edges->threads;
  const float *const *v = w + EQ_PHI_V, *const *h = w + EQ_PHI_H;
  r->velocity = (eq_rows){.rows = nodes, .channels = width, .outputs = 1, .threads = threads,
                          .p = r->h, .w1 = v[0], .b1 = v[1], .w2 = v[2], .b2 = v[3],
                          .u = hidden, .y = factor};
  r->nodes = (eq_rows){.rows = nodes, .channels = width, .outputs = width, .threads = threads,
                       .residual = s->residual, .p = r->h, .q = total, .w1 = h[0], .b1 = h[1],
                       .w2 = h[2], .b2 = h[3], .u = updated, .y = r->h_next};
  r->layer = (eq_layer){.edges = &r->edges, .velocity = s->v ? &r->velocity : NULL,
                        .nodes = h[0] ? &r->nodes : NULL,
                        .message_how = s->message_how, .move_how = s->move_how, .degree = s->degree,
                        .degrees = s->degrees, .weight = s->weight,
                        .h = r->h, .w1 = w[EQ_W1], .b1 = w[EQ_B1], .v = s->v, .first = first};
}

#endif
