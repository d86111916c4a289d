#pragma once
#include <zlib.h>

/* What Swift cannot reach in zlib: macros. No logic. */

/* gzip format, level 6; zlib writes no time of modification. */
static inline int czlib_deflate_start(z_stream *_Nonnull stream) {
  return deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
/* gzip format. */
static inline int czlib_inflate_start(z_stream *_Nonnull stream) { return inflateInit2(stream, 15 + 16); }
