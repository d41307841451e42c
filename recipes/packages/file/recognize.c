/* Asks the library for the types of two pieces of memory. */
#include <stdio.h>

#include <magic.h>

int main(void) {
    static const unsigned char image[] = "GIF89a\x03\x00\x02\x00\x00\x00\x00;";
    static const char script[] = "#!/bin/sh\necho hello\n";
    magic_t types = magic_open(MAGIC_MIME_TYPE);
    const char *answer;

    if (types == NULL || magic_load(types, NULL) != 0) {
        fprintf(stderr, "%s\n", types == NULL ? "no memory" : magic_error(types));
        return 1;
    }
    answer = magic_buffer(types, image, sizeof image - 1);
    printf("%s, ", answer == NULL ? magic_error(types) : answer);
    answer = magic_buffer(types, script, sizeof script - 1);
    printf("%s ", answer == NULL ? magic_error(types) : answer);
    magic_setflags(types, MAGIC_MIME_ENCODING);
    answer = magic_buffer(types, script, sizeof script - 1);
    printf("%s\n", answer == NULL ? magic_error(types) : answer);
    magic_close(types);
    return 0;
}
