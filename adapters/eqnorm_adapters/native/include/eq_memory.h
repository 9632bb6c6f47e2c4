/* Scratch memory that a thread keeps from call to call: new pages cost more than what they hold. */
#ifndef EQ_MEMORY_H
#define EQ_MEMORY_H

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  size_t floats;
  float *start;
} eq_scratch;

static pthread_key_t eq_scratch_key;
static pthread_once_t eq_scratch_once = PTHREAD_ONCE_INIT;

static void eq_scratch_free(void *kept) {
  free(((eq_scratch *)kept)->start);
  free(kept);
}

static void eq_scratch_make_key(void) { pthread_key_create(&eq_scratch_key, eq_scratch_free); }

/* At least that many floats, aligned to 64 bytes, with anything in them; NULL if there are none. */
static float *eq_scratch_get(size_t floats) {
  pthread_once(&eq_scratch_once, eq_scratch_make_key);
  eq_scratch *kept = pthread_getspecific(eq_scratch_key);
  if (!kept) {
    kept = calloc(1, sizeof *kept);
    if (!kept) return NULL;
    pthread_setspecific(eq_scratch_key, kept);
  }
  if (kept->floats < floats) {
    free(kept->start);
    kept->floats = 0;
    kept->start = NULL;
    void *fresh = NULL;
    if (posix_memalign(&fresh, 64, floats * sizeof(float))) return NULL;
    kept->start = fresh;
    kept->floats = floats;
  }
  return kept->start;
}

static inline void eq_zero(float *start, size_t floats) {
  if (start) memset(start, 0, floats * sizeof(float));
}

/* The next `floats` of a block of scratch memory, which `next` points into. */
static inline float *eq_take(float **next, size_t floats) {
  float *taken = *next;
  *next += (floats + 15) / 16 * 16;
  return taken;
}

#endif
