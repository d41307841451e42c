/* Expands a history reference and asks what a key is bound to, as a line editor does, without a terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>
#include <readline/readline.h>

int main(void) {
    char *line = NULL;
    char reference[] = "ls -l !$";

    using_history();
    add_history("mkdir /tmp");
    if (history_expand(reference, &line) != 1) {
        fprintf(stderr, "no expansion: %s\n", line);
        return 1;
    }
    add_history(line);
    rl_initialize_funmap();
    rl_command_func_t *bound = rl_function_of_keyseq("\001", emacs_standard_keymap, NULL);
    const char *name = bound == rl_beg_of_line ? "beginning-of-line" : "something else";
    printf("%s, %d entries, %s\n", line, history_length, name);
    free(line);
    return 0;
}
