/* Gradients of features, harmonics, radial features and weights, from those of the sums. */
#include "parts.h"
#include "tile.h"

typedef struct {
  eq_tile tile;
  float *g_weights;  /* (EQ_TILE, weight_width) */
  float *g_y;        /* (EQ_TILE, harmonics, EQ_LANES): not yet summed over channels */
  float *transposed; /* (weight_width, hidden) */
} eq_work;

static size_t eq_work_floats(const eq_conv *p) {
  size_t floats = eq_tile_floats(p) + EQ_TILE * (p->weight_width + p->harmonics * EQ_LANES);
  return floats + p->weight_width * p->hidden + 64;
}

/* What an edge's path adds to the gradient of Y: `pairs` are w h_a g_k, one vector each. */
EQ_INLINE void eq_add_to_harmonics(const eq_conv *p, const eq_path *path, const eq_vec *pairs,
                                   float *g_y) {
  int64_t t = path->begin;
  while (t < path->end) {
    int64_t b = p->term[t].b;
    eq_vec sum = eq_load(g_y + b * EQ_LANES);
    for (; t < path->end && p->term[t].b == b; t++) sum += p->value[t] * pairs[p->term[t].place];
    eq_store(g_y + b * EQ_LANES, sum);
  }
}

/* One path of all edges of a tile; `g_h` starts at node 0. */
EQ_INLINE void eq_backward_path(const int mirrored, const int wants_y, const int d1, const int d3,
                                const eq_conv *p, const eq_path *path, const eq_work *work,
                                float *g_h) {
  const eq_tile *tile = &work->tile;
  const int64_t width = path->width;
  const float sign = path->odd ? -1.0f : 1.0f;
  for (int64_t c = 0; c < width; c += EQ_LANES) {
    const float *h = p->h + path->from + c, *g = p->g + path->to + c;
    float *to = g_h + path->from + c;
    for (int e = 0; e < tile->count;) {
      const int64_t i = tile->i[e];
      eq_vec above[EQ_MOST_DIM], own[EQ_MOST_DIM], g_own[EQ_MOST_DIM];
      EQ_UNROLL for (int k = 0; k < d3; k++) above[k] = eq_load(g + i * p->out_width + k * width);
      if (mirrored) {
        EQ_UNROLL for (int a = 0; a < d1; a++) {
          own[a] = eq_load(h + i * p->in_width + a * width);
          g_own[a] = (eq_vec){0};
        }
      }
      for (; e < tile->count && tile->i[e] == i; e++) {
        const float *matrix = tile->matrix + path->matrix * EQ_TILE + e;
        const float *sent = h + tile->j[e] * p->in_width;
        float *g_sent = to + tile->j[e] * p->in_width;
        const float *other = g + tile->j[e] * p->out_width;
        const int64_t at = e * p->weight_width + path->weights + c;
        eq_vec weight = eq_load(tile->w + at), signed_weight = sign * weight;
        eq_vec g_weight = {0}, pairs[EQ_MOST_DIM * EQ_MOST_DIM];
        EQ_UNROLL for (int a = 0; a < d1; a++) {
          eq_vec value = eq_load(sent + a * width), slope = {0};
          EQ_UNROLL for (int k = 0; k < d3; k++) slope += matrix[(a * d3 + k) * EQ_TILE] * above[k];
          g_weight += value * slope;
          eq_store(g_sent + a * width, eq_load(g_sent + a * width) + weight * slope);
          if (wants_y) {
            value *= weight;
            EQ_UNROLL for (int k = 0; k < d3; k++) pairs[a * d3 + k] = value * above[k];
          }
        }
        if (mirrored) {
          EQ_UNROLL for (int a = 0; a < d1; a++) {
            eq_vec slope = {0}, value = signed_weight * own[a];
            EQ_UNROLL for (int k = 0; k < d3; k++) {
              eq_vec at_other = eq_load(other + k * width);
              slope += matrix[(a * d3 + k) * EQ_TILE] * at_other;
              if (wants_y) pairs[a * d3 + k] += value * at_other;
            }
            g_weight += sign * own[a] * slope;
            g_own[a] += signed_weight * slope;
          }
        }
        eq_store(work->g_weights + at, g_weight);
        if (wants_y) eq_add_to_harmonics(p, path, pairs, work->g_y + e * p->harmonics * EQ_LANES);
      }
      if (!mirrored) continue;
      float *here = to + i * p->in_width;
      EQ_UNROLL for (int a = 0; a < d1; a++)
        eq_store(here + a * width, eq_load(here + a * width) + g_own[a]);
    }
  }
}

EQ_INLINE void eq_backward_tile(const int mirrored, const int wants_y, const eq_conv *p,
                                const eq_work *work, float *g_h) {
  for (const eq_path *path = p->path; path < p->path + p->paths; path++) {
#define EQ_BACKWARD(d1, d3) eq_backward_path(mirrored, wants_y, d1, d3, p, path, work, g_h)
    EQ_FOR_DIMS(path->d1, path->d3, EQ_BACKWARD)
  }
}

static int eq_backward_part(const eq_conv *p, const eq_part *part, float *g_h, float *g_w) {
  eq_work work;
  float *scratch = eq_scratch_get(eq_work_floats(p));
  if (!scratch) return EQ_NO_MEMORY;
  eq_place_tile(p, &scratch, &work.tile);
  const int width = (int)p->weight_width, hidden = (int)p->hidden, harmonics = (int)p->harmonics;
  work.g_weights = eq_take(&scratch, EQ_TILE * width);
  work.g_y = eq_take(&scratch, EQ_TILE * harmonics * EQ_LANES);
  work.transposed = eq_take(&scratch, width * hidden);
  for (int n = 0; n < hidden; n++)
    for (int c = 0; c < width; c++) work.transposed[c * hidden + n] = p->w[n * width + c];
  for (int64_t first = part->begin; first < part->end; first += EQ_TILE) {
    eq_fill_tile(p, first, part->end, &work.tile);
    int count = work.tile.count;
    if (p->g_y) {
      eq_zero(work.g_y, count * harmonics * EQ_LANES);
      p->mirrored ? eq_backward_tile(1, 1, p, &work, g_h) : eq_backward_tile(0, 1, p, &work, g_h);
      for (int n = 0; n < count * harmonics; n++)
        p->g_y[first * harmonics + n] = eq_sum(eq_load(work.g_y + n * EQ_LANES));
    } else {
      p->mirrored ? eq_backward_tile(1, 0, p, &work, g_h) : eq_backward_tile(0, 0, p, &work, g_h);
    }
    eq_product(count, hidden, width, work.g_weights, width, 1, work.transposed, hidden, NULL,
               p->g_phi + first * hidden, hidden, 0);
    eq_product(hidden, width, count, p->phi + first * hidden, 1, hidden, work.g_weights, width,
               NULL, g_w, width, 1);
  }
  return EQ_DONE;
}

/* EQ_DONE, or what is wrong. */
EQ_EXPORT int eq_conv_backward(const eq_conv *p) {
  eq_part parts[EQ_MOST_PARTS];
  float *own[EQ_MOST_PARTS] = {NULL}, *weights[EQ_MOST_PARTS] = {NULL};
  int count = eq_find_parts(p, parts), failed = 0;
  if (!count) return EQ_NO_SUCH_NODE;
  int64_t width = p->in_width, floats = p->hidden * p->weight_width;
  eq_zero(p->g_h, p->nodes * width);
  eq_zero(p->g_w, floats);
#pragma omp parallel for num_threads(count) schedule(static, 1) if (count > 1) reduction(| : failed)
  for (int k = 0; k < count; k++) {
    own[k] = eq_own_rows(parts + k, count, width, p->g_h);
    weights[k] = count == 1 ? p->g_w : calloc(floats, sizeof(float));
    int64_t skipped = count == 1 ? 0 : parts[k].low * width;
    failed |= own[k] && weights[k]
                  ? eq_backward_part(p, parts + k, own[k] - skipped, weights[k])
                  : EQ_NO_MEMORY;
  }
  eq_collect(parts, count, width, own, p->g_h);
  for (int k = 0; k < count && count > 1; k++) {
    if (!weights[k]) continue;
    for (int64_t n = 0; n < floats; n++) p->g_w[n] += weights[k][n];
    free(weights[k]);
  }
  return failed;
}
