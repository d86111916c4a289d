#pragma once
#include <stddef.h>
#include <stdint.h>

/* What simdjson's own On-Demand reader needs for a document: the limit that benchmarks compare with. */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const char *_Nullable error; /* simdjson's words, or NULL */
  size_t bytes;
  size_t values;
  double seconds; /* processor time of this thread, without reading the file */
} csimdjson_walked;

/* Reads every value of the file, strings and numbers included. */
csimdjson_walked csimdjson_walk(const char *_Nonnull path);

#ifdef __cplusplus
}
#endif
