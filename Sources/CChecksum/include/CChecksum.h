#ifndef ROOKERY_CCHECKSUM_H
#define ROOKERY_CCHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4) of `length` bytes, continuing from `seed`, which is 0 for the
/// first piece. Uses the processor's instruction where it has one.
uint32_t rookery_crc32c(uint32_t seed, const void *bytes, size_t length);

#endif
