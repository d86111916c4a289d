#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The structural index of a JSON document: simdjson's first stage, which simdjson's On-Demand reader walks too, with
   the vector instructions of the CPU at hand. No logic; nothing is thrown; the bytes need no padding. */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct csimdjson_index csimdjson_index;

typedef enum {
  CSIMDJSON_OK = 0,
  CSIMDJSON_EMPTY = 1,             /* nothing but white space */
  CSIMDJSON_UNCLOSED_STRING = 2,   /* the document ends within a string */
  CSIMDJSON_CONTROL_CHARACTER = 3, /* a byte below 0x20 within a string */
  CSIMDJSON_TOO_LARGE = 4,         /* 4 GiB or more */
  CSIMDJSON_NO_MEMORY = 5,
  CSIMDJSON_OTHER = 6
} csimdjson_outcome;

typedef struct {
  csimdjson_outcome outcome;
  bool is_utf8;                       /* false: some byte is part of no UTF-8 sequence; the index is whole anyway */
  size_t count;                       /* how many offsets */
  const uint32_t *_Nullable offsets; /* of each bracket, brace, colon, comma, opening quote and first byte of another
                                         scalar outside strings, rising; valid until the next build or free */
  const char *_Nonnull message;       /* simdjson's own words */
} csimdjson_structure;

/* NULL when there is no memory. One thread at a time. */
csimdjson_index *_Nullable csimdjson_index_create(void);
void csimdjson_index_free(csimdjson_index *_Nonnull index);
csimdjson_structure csimdjson_index_build(csimdjson_index *_Nonnull index, const uint8_t *_Nonnull bytes, size_t length);
/* Bytes of document that the index has room for without asking for memory. */
size_t csimdjson_index_capacity(const csimdjson_index *_Nonnull index);

#ifdef __cplusplus
}
#endif
