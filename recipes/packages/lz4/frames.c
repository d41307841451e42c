/* Writes frames at three levels, reads them back, then damages a byte and expects the checksum to notice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lz4frame.h>
#include <lz4hc.h>

enum { SIZE = 1 << 20 };

static char plain[SIZE], back[SIZE];

static size_t unpack(const char *packed, size_t packed_size) {
    LZ4F_dctx *context = NULL;
    size_t done = 0, read = 0, hint = 1;

    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        exit(2);
    while (hint != 0 && read < packed_size) {
        size_t room = SIZE - done, taken = packed_size - read;
        hint = LZ4F_decompress(context, back + done, &room, packed + read, &taken, NULL);
        if (LZ4F_isError(hint))
            break;
        done += room;
        read += taken;
    }
    LZ4F_freeDecompressionContext(context);
    return hint == 0 ? done : 0;
}

int main(void) {
    static const int levels[] = {0, LZ4HC_CLEVEL_MIN, LZ4HC_CLEVEL_MAX};
    LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
    size_t room, packed_size = 0;
    char *packed;

    preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    room = LZ4F_compressFrameBound(SIZE, &preferences);
    packed = malloc(room);
    for (unsigned int index = 0, state = 1; index < SIZE; index++) {
        state = state * 1103515245u + 12345u;
        plain[index] = (char)('a' + (state >> 16) % 3);
    }
    for (int index = 0; index < 3; index++) {
        preferences.compressionLevel = levels[index];
        packed_size = LZ4F_compressFrame(packed, room, plain, SIZE, &preferences);
        if (LZ4F_isError(packed_size) || packed_size > SIZE / 4 * 3)
            return 3;
        if (unpack(packed, packed_size) != SIZE || memcmp(plain, back, SIZE) != 0)
            return 4;
    }
    packed[packed_size / 2] ^= 0x10;
    if (unpack(packed, packed_size) == SIZE)
        return 5;
    puts("3 levels, damage found");
    free(packed);
    return 0;
}
