/* Tensor-field convolution: features times harmonics, weighted and summed over neighbours.
 *
 *   m_i[p, k, c] = sum_j w_ij[p, c] sum_a M_ij[p, a, k] h_j[a, c]
 *   w_ij = phi_ij W        M_ij[p, a, k] = sum_b C_abk Y_b(u_ij)
 *
 * for paths p of degrees (l1, l2, l3): 2 l1 + 1 components a, 2 l2 + 1 of b, 2 l3 + 1 of k. Channels
 * c lie side by side, in rows of whole 16 numbers, so that a row of them fills vectors. E edges are
 * worked on in tiles that stay in the caches: weights and matrices of E rows are never stored, the
 * backward pass computes them anew.
 *
 * Mirrored edges stand for two: what j sends to i, and what i sends to j, where u is the opposite and
 * phi, so w, the same. Y of degree l2 then changes by (-1)^l2.
 */
#ifndef EQ_CONV_H
#define EQ_CONV_H

#include "eq_gemm.h"
#include "eq_memory.h"

#define EQ_TILE 32
#define EQ_MOST_PARTS 256
#define EQ_MOST_DIM 7 /* 2 l + 1 for the highest degree */

/* All offsets in numbers. The same fields in the same order as `Layout.paths` in Python. */
typedef struct {
  int64_t from, d1;      /* of h: where a = 0 starts in a row of a node, and how many a there are */
  int64_t to, d3;        /* the same of m and k */
  int64_t weights;       /* where the path starts in a row of w */
  int64_t width;         /* of a row of channels, a multiple of 16 */
  int64_t matrix;        /* where it starts in M */
  int64_t odd;           /* whether l2 is odd */
  int64_t begin, end;    /* its terms */
} eq_path;

/* One C_abk that is not zero. The terms of a path are sorted by b. */
typedef struct {
  int64_t b, place; /* place: a (2 l3 + 1) + k */
} eq_term;

/* The same fields in the same order as `_Problem` in Python. */
typedef struct {
  int64_t nodes, edges, hidden;               /* hidden: columns of phi, a multiple of 16 */
  int64_t in_width, out_width, weight_width;  /* of a row of h, m and w */
  int64_t harmonics, matrix;                  /* numbers Y and M of an edge */
  int64_t paths, threads, mirrored;
  const int64_t *senders, *receivers;         /* (E,) */
  const eq_path *path;
  const eq_term *term;
  const float *value;                         /* C_abk of each term */
  const float *h, *y, *phi, *w;               /* (N, ...), (E, ...), (E, H), (H, ...) */
  float *m;                                   /* (N, ...); forward only */
  const float *g;                             /* gradient of m */
  float *g_h, *g_y, *g_phi, *g_w;             /* gradients; g_y may be NULL: not wanted */
} eq_conv;

/* Where a part of the edges puts its sums: rows `low` to `high` - 1 of the nodes. */
typedef struct {
  int64_t begin, end; /* edges */
  int64_t low, high;  /* nodes */
} eq_part;

enum { EQ_DONE, EQ_NO_MEMORY, EQ_NO_SUCH_NODE };

#endif
