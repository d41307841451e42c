/* Searches UTF-8 text for a named group behind a look-behind; offsets count bytes. */
#include <stdio.h>
#include <string.h>

#include <oniguruma.h>

int main(void) {
    const OnigUChar pattern[] = "(?<=\\p{Greek}{3} )(?<year>\\d{4})";
    const OnigUChar text[] = "1 \xce\xb1\xce\xb2\xce\xb3 2024";
    const OnigUChar name[] = "year";
    OnigEncoding encodings[] = {ONIG_ENCODING_UTF8};
    OnigErrorInfo problem;
    regex_t *regex;
    OnigRegion *region = onig_region_new();
    int *groups;

    onig_initialize(encodings, 1);
    int code = onig_new(&regex, pattern, pattern + strlen((const char *)pattern), ONIG_OPTION_NONE,
                        ONIG_ENCODING_UTF8, ONIG_SYNTAX_ONIGURUMA, &problem);
    if (code != ONIG_NORMAL)
        return 1;
    const OnigUChar *end = text + strlen((const char *)text);
    if (onig_search(regex, text, end, text, end, region, ONIG_OPTION_NONE) < 0)
        return 2;
    if (onig_name_to_group_numbers(regex, name, name + 4, &groups) != 1)
        return 3;
    printf("%s at %d to %d\n", name, region->beg[groups[0]], region->end[groups[0]]);
    onig_region_free(region, 1);
    onig_free(regex);
    onig_end();
    return 0;
}
