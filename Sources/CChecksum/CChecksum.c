#include "CChecksum.h"

#include <string.h>

static uint32_t crc32c_portable(uint32_t crc, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
        }
    }
    return crc;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2")))
static uint32_t crc32c_hardware(uint32_t crc, const uint8_t *bytes, size_t length) {
    uint64_t wide = crc;
    while (length >= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
        wide = __builtin_ia32_crc32di(wide, word);
        bytes += 8;
        length -= 8;
    }
    crc = (uint32_t)wide;
    while (length > 0) {
        crc = __builtin_ia32_crc32qi(crc, *bytes);
        bytes++;
        length--;
    }
    return crc;
}

uint32_t rookery_crc32c(uint32_t seed, const void *bytes, size_t length) {
    if (__builtin_cpu_supports("sse4.2")) {
        return ~crc32c_hardware(~seed, bytes, length);
    }
    return ~crc32c_portable(~seed, bytes, length);
}

#else

uint32_t rookery_crc32c(uint32_t seed, const void *bytes, size_t length) {
    return ~crc32c_portable(~seed, bytes, length);
}

#endif
