/* The edges of one EGNN layer: messages m and weights w of all edges, and their sums at receivers.
 *
 *   u1 = a_i + b_j + W1 s        s = (|d|^2, e_ij), d = x_i - x_j + shift_ij
 *   m  = silu(W2 silu(u1) + b2)  times sigmoid(wa . m + ba) with attention
 *   w  = w4 . silu(W3 m + b3)    or tanh of it
 *   messages_i = sum_j m_ij      moves_i = sum_j w_ij d_ij, or other vectors in place of d_ij
 *
 * C channels, a multiple of 16; N nodes; E edges; K scalars s of an edge. All arrays are dense and
 * row-major. The edges are worked on in tiles that stay in the caches, and the backward pass computes
 * the tiles anew. Only if there is room for them in `kept` are u2 and u3, the arguments of the last
 * two silus, stored: it then computes two products less, of eight in both directions.
 */
#ifndef EQ_EGNN_H
#define EQ_EGNN_H

#include "eq_gemm.h"
#include "eq_memory.h"

#define EQ_TILE 48

/* The same fields in the same order as `Problem` in Python. */
typedef struct {
  int64_t nodes, edges, channels, scalars;
  int64_t stride;  /* of a, b, g_a and g_b from node to node: 2 C */
  int64_t size;    /* nodes of each complete graph; 0 for a list of edges */
  int64_t threads; /* at most */
  int64_t bound;   /* whether there is a tanh */
  int64_t halves;  /* whether products are of bfloat16 */
  int64_t kept_edges; /* how many edges have room in `kept`: each part has its share */
  const int64_t *senders, *receivers;      /* (E,), or NULL for complete graphs */
  const float *a, *b;                      /* (N, C): the halves of one array of 2 C columns */
  const float *x;                          /* (N, 3) */
  const float *e;                          /* (E, K - 1) */
  const float *vectors;                    /* (E, 3): summed in place of the d; NULL for these */
  const float *shifts;                     /* (E, 3), or NULL for none */
  const float *w1;                         /* (K, C): the transpose of W1 */
  const float *w2, *b2, *w3, *b3, *w4;     /* (C, C), (C), (C, C), (C), (C) */
  const float *wa, *ba;                    /* (C), (1), or NULL without attention */
  float *messages, *moves;                 /* (N, C), (N, 3); forward only */
  const float *g_messages, *g_moves;       /* gradients of these; either may be NULL for zeros */
  float *kept;                             /* u2, then u3 of each tile, so for these threads; or NULL */
  /* Gradients; g_a and g_b are halves of one array too. g_x, g_e and g_vectors may be NULL where
   * they are not wanted. g_w1 has an even number of rows. */
  float *g_a, *g_b, *g_x, *g_e, *g_vectors;
  float *g_w1, *g_w2, *g_b2, *g_w3, *g_b3, *g_w4, *g_wa, *g_ba;
} eq_egnn;

/* Where a part of the edges puts its sums: rows `low` to `high` - 1 of the nodes. */
typedef struct {
  int64_t begin, end; /* edges */
  int64_t low, high;  /* nodes */
  int shared;         /* another part adds to some of these rows */
} eq_part;

#define EQ_MOST_PARTS 256

enum { EQ_DONE, EQ_NO_MEMORY, EQ_NO_SUCH_NODE };

#endif
