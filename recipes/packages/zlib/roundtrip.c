/* Compresses a megabyte at each level, reads it back, then damages one byte and expects the library to notice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SIZE = 1 << 20 };

static void fail(const char *what, int code) {
    fprintf(stderr, "%s: %d\n", what, code);
    exit(1);
}

int main(void) {
    Bytef *plain = malloc(SIZE), *back = malloc(SIZE);
    uLong room = compressBound(SIZE);
    Bytef *packed = malloc(room);
    int levels = 0;

    if (plain == NULL || back == NULL || packed == NULL)
        fail("memory", 0);
    for (unsigned int index = 0, state = 1; index < SIZE; index++) {
        state = state * 1103515245u + 12345u;
        plain[index] = (Bytef)('a' + (state >> 16) % 8);
    }
    if (crc32(0L, (const Bytef *)"123456789", 9) != 0xcbf43926UL)
        fail("crc32 of the check string", 0);
    for (int level = 1; level <= 9; level++) {
        uLongf packed_size = room, back_size = SIZE;
        int code = compress2(packed, &packed_size, plain, SIZE, level);
        if (code != Z_OK || packed_size > SIZE / 2)
            fail("compress2", code);
        code = uncompress(back, &back_size, packed, packed_size);
        if (code != Z_OK || back_size != SIZE || memcmp(plain, back, SIZE) != 0)
            fail("uncompress", code);
        levels++;
        if (level == 9) {
            packed[packed_size / 2] ^= 0x40;
            back_size = SIZE;
            code = uncompress(back, &back_size, packed, packed_size);
            if (code != Z_DATA_ERROR)
                fail("damage was not noticed", code);
        }
    }
    printf("%d levels, damage found\n", levels);
    return 0;
}
