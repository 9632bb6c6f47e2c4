/* Norms on points or displacements, which others have compiled. */
#ifndef EQ_NORM_H
#define EQ_NORM_H

#include <stdint.h>

/* The same fields in the same order as `Record` in Python. x is what goes in, h features, y what
 * comes out, g its gradient, and g_... gradients, of which all but g_x may be NULL. */
typedef struct {
  void (*forward)(int64_t *table, const int64_t *how, const double *limits, double eps,
                  const float *x, const float *h, float *y);
  void (*backward)(int64_t *table, const int64_t *how, const double *limits, const float *x,
                   const float *h, const float *g, float *g_x, float *g_x0, float *g_v, float *g_h);
  int64_t *table;
  const int64_t *how;
  const double *limits;
  double eps;
  int64_t of_x0, of_v, of_h; /* whether these gradients are wanted, and not zero */
} eq_norm;

#endif
