/* A tile of edges: its nodes, filter weights and coupling matrices. */
#ifndef EQ_CONV_TILE_H
#define EQ_CONV_TILE_H

#include "conv.h"

typedef struct {
  int count;
  const int64_t *i, *j;
  float *w;      /* (EQ_TILE, weight_width) */
  float *matrix; /* (matrix, EQ_TILE): edges side by side */
  float *y;      /* (harmonics, EQ_TILE) */
} eq_tile;

static size_t eq_tile_floats(const eq_conv *p) {
  return EQ_TILE * (p->weight_width + p->matrix + p->harmonics) + 64;
}

EQ_INLINE void eq_place_tile(const eq_conv *p, float **scratch, eq_tile *tile) {
  tile->w = eq_take(scratch, EQ_TILE * p->weight_width);
  tile->matrix = eq_take(scratch, EQ_TILE * p->matrix);
  tile->y = eq_take(scratch, EQ_TILE * p->harmonics);
  eq_zero(tile->y, EQ_TILE * p->harmonics); /* the last tile may have fewer edges */
}

EQ_INLINE void eq_fill_tile(const eq_conv *p, int64_t first, int64_t end, eq_tile *tile) {
  int count = end - first < EQ_TILE ? (int)(end - first) : EQ_TILE;
  tile->count = count;
  tile->i = p->receivers + first;
  tile->j = p->senders + first;
  eq_product(count, (int)p->weight_width, (int)p->hidden, p->phi + first * p->hidden, p->hidden, 1,
             p->w, p->weight_width, NULL, tile->w, p->weight_width, 0);
  for (int e = 0; e < count; e++)
    for (int b = 0; b < p->harmonics; b++)
      tile->y[b * EQ_TILE + e] = p->y[(first + e) * p->harmonics + b];
  eq_zero(tile->matrix, EQ_TILE * p->matrix);
  for (int64_t q = 0; q < p->paths; q++) {
    float *matrix = tile->matrix + p->path[q].matrix * EQ_TILE;
    for (int64_t t = p->path[q].begin; t < p->path[q].end; t++) {
      const float *from = tile->y + p->term[t].b * EQ_TILE;
      float *to = matrix + p->term[t].place * EQ_TILE, value = p->value[t];
#pragma GCC unroll 8
      for (int e = 0; e < EQ_TILE; e += EQ_LANES)
        eq_store(to + e, eq_load(to + e) + value * eq_load(from + e));
    }
  }
}

/* `CALL(d1, d3)` with the numbers of components of a path as constants. */
#define EQ_FOR_DIMS(d1, d3, CALL) \
  switch ((d1) * 8 + (d3)) {      \
    case 9: CALL(1, 1); break;    \
    case 11: CALL(1, 3); break;   \
    case 13: CALL(1, 5); break;   \
    case 15: CALL(1, 7); break;   \
    case 25: CALL(3, 1); break;   \
    case 27: CALL(3, 3); break;   \
    case 29: CALL(3, 5); break;   \
    case 31: CALL(3, 7); break;   \
    case 41: CALL(5, 1); break;   \
    case 43: CALL(5, 3); break;   \
    case 45: CALL(5, 5); break;   \
    case 47: CALL(5, 7); break;   \
    case 57: CALL(7, 1); break;   \
    case 59: CALL(7, 3); break;   \
    case 61: CALL(7, 5); break;   \
    case 63: CALL(7, 7); break;   \
  }

#define EQ_UNROLL _Pragma("GCC unroll 7")

#endif
