/* Writes three members in memory in three formats, reads them back, then damages a byte and expects that noticed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

enum { ROOM = 1 << 20, SIZE = 9999 };

static unsigned char packed[ROOM], plain[SIZE], back[SIZE];

static void fail(const char *what, struct archive *archive) {
    fprintf(stderr, "%s: %s\n", what, archive == NULL ? "no memory" : archive_error_string(archive));
    exit(1);
}

static size_t write_members(int format, int filter) {
    struct archive *archive = archive_write_new();
    size_t used = 0;

    if (archive_write_set_format(archive, format) != ARCHIVE_OK)
        fail("format", archive);
    if (archive_write_add_filter(archive, filter) != ARCHIVE_OK)
        fail("filter", archive);
    if (archive_write_open_memory(archive, packed, sizeof packed, &used) != ARCHIVE_OK)
        fail("open", archive);
    for (int number = 1; number <= 3; number++) {
        struct archive_entry *entry = archive_entry_new();
        char name[16];
        snprintf(name, sizeof name, "member%d", number);
        archive_entry_set_pathname(entry, name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0640);
        archive_entry_set_size(entry, SIZE);
        if (archive_write_header(archive, entry) != ARCHIVE_OK || archive_write_data(archive, plain, SIZE) != SIZE)
            fail("write", archive);
        archive_entry_free(entry);
    }
    if (archive_write_close(archive) != ARCHIVE_OK)
        fail("close", archive);
    archive_write_free(archive);
    return used;
}

/* The number of members that are as they were written. */
static int read_members(size_t size) {
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    int same = 0;

    archive_read_support_format_all(archive);
    archive_read_support_filter_all(archive);
    if (archive_read_open_memory(archive, packed, size) == ARCHIVE_OK)
        while (archive_read_next_header(archive, &entry) == ARCHIVE_OK) {
            if (archive_read_data(archive, back, SIZE) != SIZE || memcmp(plain, back, SIZE) != 0)
                break;
            /* Reads to the end, where checksums are compared. */
            if (archive_read_data(archive, back, SIZE) != 0)
                break;
            same++;
        }
    archive_read_free(archive);
    return same;
}

int main(void) {
    static const struct { int format, filter; } kinds[] = {
        {ARCHIVE_FORMAT_TAR_PAX_RESTRICTED, ARCHIVE_FILTER_XZ},
        {ARCHIVE_FORMAT_ZIP, ARCHIVE_FILTER_NONE},
        {ARCHIVE_FORMAT_7ZIP, ARCHIVE_FILTER_NONE},
    };

    for (unsigned int index = 0, state = 1; index < SIZE; index++) {
        state = state * 1103515245u + 12345u;
        plain[index] = (unsigned char)('a' + (state >> 16) % 8);
    }
    for (size_t index = 0; index < sizeof kinds / sizeof *kinds; index++) {
        size_t size = write_members(kinds[index].format, kinds[index].filter);
        int same = read_members(size);
        if (same != 3) {
            fprintf(stderr, "kind %zu: %d members\n", index, same);
            return 1;
        }
        packed[size / 2] ^= 0x40;
        if (read_members(size) == 3) {
            fprintf(stderr, "kind %zu: damage was not noticed\n", index);
            return 1;
        }
    }
    puts("pax+xz, zip, 7zip: 3 members each; damage found");
    return 0;
}
