/* zlib, liblzma and libzstd as one module: what logrotate packs old logs with. */
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>
