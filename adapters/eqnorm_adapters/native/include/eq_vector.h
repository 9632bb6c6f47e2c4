/* Vectors of floats as wide as the processor's registers, and the logistic function of them. */
#ifndef EQ_VECTOR_H
#define EQ_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define EQ_LANES 16
#elif defined(__AVX__)
#include <immintrin.h>
#define EQ_LANES 8
#else
#define EQ_LANES 4
#endif

#define EQ_INLINE static inline __attribute__((always_inline))
#define EQ_EXPORT __attribute__((visibility("default")))

/* Aligned as floats: rows of a user's tensor may start anywhere. */
typedef float eq_vec __attribute__((vector_size(4 * EQ_LANES), aligned(4), may_alias));
typedef int32_t eq_ivec __attribute__((vector_size(4 * EQ_LANES), aligned(4), may_alias));

EQ_INLINE eq_vec eq_load(const float *p) { return *(const eq_vec *)p; }
EQ_INLINE void eq_store(float *p, eq_vec v) { *(eq_vec *)p = v; }
/* Past the caches, for what is read again much later; p is aligned to the vector's size. */
EQ_INLINE void eq_stream(float *p, eq_vec v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX__)
  _mm256_stream_ps(p, (__m256)v);
#else
  eq_store(p, v);
#endif
}
/* Let other threads see what has been streamed. */
EQ_INLINE void eq_end_of_stream(void) {
#if defined(__AVX__)
  _mm_sfence();
#endif
}
EQ_INLINE eq_vec eq_all(float s) { return s - (eq_vec){0}; }

/* The least number of whole vectors, in floats. */
EQ_INLINE int eq_padded(int width) { return (width + EQ_LANES - 1) / EQ_LANES * EQ_LANES; }

EQ_INLINE float eq_sum(eq_vec v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps((__m512)v);
#else
  float total = 0;
  for (int lane = 0; lane < EQ_LANES; lane++) total += v[lane];
  return total;
#endif
}

/* The lesser of v and limit; NaN stays NaN. */
EQ_INLINE eq_vec eq_at_most(eq_vec v, float limit) {
#if defined(__AVX512F__)
  /* The instruction gives its second operand when one of the two is NaN. */
  return (eq_vec)_mm512_min_ps(_mm512_set1_ps(limit), (__m512)v);
#elif defined(__AVX__)
  return (eq_vec)_mm256_min_ps(_mm256_set1_ps(limit), (__m256)v);
#else
  eq_ivec over = v > limit;
  return (eq_vec)((over & (eq_ivec)eq_all(limit)) | (~over & (eq_ivec)v));
#endif
}

/* 2^v for v <= 126: the integer part apart, a polynomial of the rest, relative error 2e-8. */
EQ_INLINE eq_vec eq_exp2(eq_vec v) {
#if defined(__AVX512F__)
  eq_vec n = (eq_vec)_mm512_roundscale_ps((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
  eq_ivec under = v < -126.0f;
  v = (eq_vec)((under & (eq_ivec)eq_all(-126.0f)) | (~under & (eq_ivec)v));
  eq_vec shifted = v + shift, n = shifted - shift;
#endif
  eq_vec r = v - n;
  eq_vec p = 1.532115267e-04f * r + 1.339016183e-03f;
  p = p * r + 9.618526314e-03f;
  p = p * r + 5.550362252e-02f;
  p = p * r + 2.402264755e-01f;
  p = p * r + 6.931471806e-01f;
  p = p * r + 1.0f;
#if defined(__AVX512F__)
  return (eq_vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  /* A product, not a sum of exponents: NaN must stay NaN. */
  eq_ivec power = ((eq_ivec)shifted - (eq_ivec)eq_all(shift) + 127) << 23;
  return p * (eq_vec)power;
#endif
}

/* 1 / (1 + exp(-v)), with an error below 1.5e-7 times the value or its distance from 1. */
EQ_INLINE eq_vec eq_sigmoid(eq_vec v) {
  eq_vec d = 1.0f + eq_exp2(eq_at_most(v * -1.44269504f, 126.0f));
#if defined(__AVX512F__)
  /* An estimate good to 14 bits and one step of Newton's method: half the time of a division. */
  eq_vec y = (eq_vec)_mm512_rcp14_ps((__m512)d);
  return y * (1.0f - d * y) + y;
#else
  return 1.0f / d;
#endif
}

/* u . v, of whole vectors. */
EQ_INLINE float eq_dot(int width, const float *u, const float *v) {
  eq_vec sum = {0};
  for (int c = 0; c < width; c += EQ_LANES) sum += eq_load(u + c) * eq_load(v + c);
  return eq_sum(sum);
}

#endif
