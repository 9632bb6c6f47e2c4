/* A layer of an EGNN around the sums over its edges: the first products at nodes before them, and
 * the velocities' network, the update of positions and that of features after them.
 *
 *   a = W1[:, :C] h + b1     b = W1[:, C:2C] h     messages, moves: see egnn.h
 *   update_i = weight s'_i moves_i + phi_v(h_i) v_i
 *   total_i  = s_i messages_i          features = phi_h(h, total), and h more if residual
 *
 * with s and s' 1, 1 over the number of edges of node i, or one over its root.
 */
#ifndef EQ_LAYER_H
#define EQ_LAYER_H

#include "egnn.h"
#include "nodes.h"

/* What both directions of a layer are given. */
typedef struct {
  const eq_egnn *edges;              /* its messages are the totals, its moves the updates */
  const eq_rows *velocity, *nodes;   /* phi_v and phi_h, or NULL for none */
  int64_t message_how, move_how;     /* 0: s = 1; 1: mean; 2: root */
  int64_t degree;                    /* edges of every node, if `degrees` is NULL */
  const int64_t *degrees;            /* (N,) */
  double weight;
  const float *h, *w1, *b1, *v;      /* (N, C), (C, 2 C + K), (C), (N, 3) */
  float *first;                      /* (N, 2 C): a and b; in the gradient, gradients of them */
  float *scalars;                    /* (K, C): room for the rest of W1, transposed */
  const float *g_update, *g_total;   /* either may be NULL for zeros; g_total without phi_h */
  float *g_messages, *g_moves;       /* (N, C), (N, 3): room for gradients of the sums */
  float *g_factor;                   /* (N): room for the gradient of phi_v */
  float *g_h, *g_v, *g_w1, *g_b1;    /* g_v may be NULL */
} eq_layer;

int eq_egnn_forward(const eq_egnn *);
int eq_egnn_backward(const eq_egnn *);
int eq_rows_forward(const eq_rows *);
int eq_rows_backward(const eq_rows *);

EQ_INLINE float eq_scale(const eq_layer *p, int64_t how, int64_t i) {
  int64_t degree = p->degrees ? p->degrees[i] : p->degree;
  if (!how || degree < 2) return 1;
  return how == 1 ? 1 / (float)degree : 1 / sqrtf((float)degree);
}

/* The rest of W1, transposed: as egnn.h wants it. */
static inline void eq_first_scalars(const eq_layer *p) {
  int64_t width = p->edges->channels, scalars = p->edges->scalars, stride = 2 * width + scalars;
  for (int64_t c = 0; c < width; c++)
    for (int64_t k = 0; k < scalars; k++)
      p->scalars[k * width + c] = p->w1[c * stride + 2 * width + k];
}

/* Threads for work on all nodes; few are not worth waking one. */
static inline int eq_count_threads(const eq_layer *p) {
  int64_t most = p->edges->nodes / (4 * EQ_ROWS);
  if (most > p->edges->threads) most = p->edges->threads;
  return most < 1 ? 1 : (int)most;
}

#endif
