/* Sums of messages at their receivers. */
#include "parts.h"
#include "tile.h"

/* One path of all edges of a tile; `m` starts at node 0. */
EQ_INLINE void eq_forward_path(const int mirrored, const int d1, const int d3, const eq_conv *p,
                               const eq_path *path, const eq_tile *tile, float *m) {
  const int64_t width = path->width;
  const float sign = path->odd ? -1.0f : 1.0f;
  for (int64_t c = 0; c < width; c += EQ_LANES) {
    const float *h = p->h + path->from + c, *w = tile->w + path->weights + c;
    float *to = m + path->to + c;
    for (int e = 0; e < tile->count;) {
      const int64_t i = tile->i[e];
      eq_vec total[EQ_MOST_DIM], own[EQ_MOST_DIM];
      EQ_UNROLL for (int k = 0; k < d3; k++) total[k] = (eq_vec){0};
      if (mirrored) {
        EQ_UNROLL for (int a = 0; a < d1; a++) own[a] = eq_load(h + i * p->in_width + a * width);
      }
      for (; e < tile->count && tile->i[e] == i; e++) {
        const float *matrix = tile->matrix + path->matrix * EQ_TILE + e;
        const float *sent = h + tile->j[e] * p->in_width;
        eq_vec weight = eq_load(w + e * p->weight_width);
        EQ_UNROLL for (int a = 0; a < d1; a++) {
          eq_vec value = weight * eq_load(sent + a * width);
          EQ_UNROLL for (int k = 0; k < d3; k++) total[k] += matrix[(a * d3 + k) * EQ_TILE] * value;
        }
        if (!mirrored) continue;
        float *other = to + tile->j[e] * p->out_width;
        weight *= sign;
        EQ_UNROLL for (int k = 0; k < d3; k++) {
          eq_vec value = {0};
          EQ_UNROLL for (int a = 0; a < d1; a++) value += matrix[(a * d3 + k) * EQ_TILE] * own[a];
          eq_store(other + k * width, eq_load(other + k * width) + weight * value);
        }
      }
      float *here = to + i * p->out_width;
      EQ_UNROLL for (int k = 0; k < d3; k++)
        eq_store(here + k * width, eq_load(here + k * width) + total[k]);
    }
  }
}

static int eq_forward_part(const eq_conv *p, const eq_part *part, float *m) {
  eq_tile tile;
  float *scratch = eq_scratch_get(eq_tile_floats(p));
  if (!scratch) return EQ_NO_MEMORY;
  eq_place_tile(p, &scratch, &tile);
  for (int64_t first = part->begin; first < part->end; first += EQ_TILE) {
    eq_fill_tile(p, first, part->end, &tile);
    for (const eq_path *path = p->path; path < p->path + p->paths; path++) {
#define EQ_MIRRORED(d1, d3) eq_forward_path(1, d1, d3, p, path, &tile, m)
#define EQ_SINGLE(d1, d3) eq_forward_path(0, d1, d3, p, path, &tile, m)
      if (p->mirrored) {
        EQ_FOR_DIMS(path->d1, path->d3, EQ_MIRRORED)
      } else {
        EQ_FOR_DIMS(path->d1, path->d3, EQ_SINGLE)
      }
    }
  }
  return EQ_DONE;
}

/* EQ_DONE, or what is wrong. */
EQ_EXPORT int eq_conv_forward(const eq_conv *p) {
  eq_part parts[EQ_MOST_PARTS];
  float *own[EQ_MOST_PARTS] = {NULL};
  int count = eq_find_parts(p, parts), failed = 0;
  if (!count) return EQ_NO_SUCH_NODE;
  eq_zero(p->m, p->nodes * p->out_width);
#pragma omp parallel for num_threads(count) schedule(static, 1) if (count > 1) reduction(| : failed)
  for (int k = 0; k < count; k++) {
    own[k] = eq_own_rows(parts + k, count, p->out_width, p->m);
    int64_t skipped = count == 1 ? 0 : parts[k].low * p->out_width;
    failed |= own[k] ? eq_forward_part(p, parts + k, own[k] - skipped) : EQ_NO_MEMORY;
  }
  eq_collect(parts, count, p->out_width, own, p->m);
  return failed;
}
