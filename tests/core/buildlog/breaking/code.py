"""What goes wrong in C and C++."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.core.buildlog.breaking.steps import CODE, HEADERS, change_one, choose, first_step

if TYPE_CHECKING:
    import random

_DEFINITION = r"^[a-z][A-Za-z0-9_ *]* \**[a-z][a-z0-9_]+\([^;]*$"


def drop_endif(recipe: str, chance: random.Random) -> str:
    script = choose(chance, HEADERS, holding="^#[ \t]*endif")
    return first_step(recipe, script + '\ntac "$file" | sed "0,/^#[ \\t]*endif/{//d}" | tac > cut\ncat cut > "$file"')


def open_comment(recipe: str, chance: random.Random) -> str:
    script = choose(chance, HEADERS)
    return first_step(
        recipe,
        script
        + '\nline=$(($(grep -n "\\*/" "$file" | tail -n 1 | cut -d: -f1) + 1))\nsed -i "${line}i /* See above." "$file"',
    )


def garble_header(recipe: str, chance: random.Random) -> str:
    octals = "".join(f"\\{chance.randrange(128, 256):03o}" for _ in range(48))
    script = choose(chance, HEADERS)
    return first_step(
        recipe,
        script + f"\nprintf '{octals}' |\n"
        '    dd of="$file" bs=1 seek=$(($(stat -c %s "$file") * 2 / 3)) conv=notrunc status=none',
    )


def change_prototype(recipe: str, chance: random.Random) -> str:
    return change_one(
        recipe,
        chance,
        HEADERS,
        r"\((void|int|char|const char)[ )*]",
        r"s/\((void|int|char|const char)\b/(struct nowhere/",
    )


def cut_code(recipe: str, chance: random.Random) -> str:
    script = choose(chance, CODE)
    return first_step(recipe, script + '\nhead -c $(($(stat -c %s "$file") * 3 / 5)) "$file" > cut\ncat cut > "$file"')


def rename_function(recipe: str, chance: random.Random) -> str:
    return change_one(recipe, chance, CODE, _DEFINITION, r"s/([a-z0-9_]+)\(/\1_v2(/")


def misspell_include(recipe: str, chance: random.Random) -> str:
    return change_one(recipe, chance, CODE, '^#[ \t]*include +[<"]', r"s/\.h([>\"])/-private.h\1/; s/<([a-z]+)>/<\1s>/")


def misspell_variable(recipe: str, chance: random.Random) -> str:
    return change_one(recipe, chance, CODE, r"^[ \t]+return [a-z_]{3,};", r"s/return ([a-z_]+);/return \1_;/")


def require_macro(recipe: str, chance: random.Random) -> str:
    script = choose(chance, CODE)
    return first_step(
        recipe,
        script + '\nsed -i \'1i #ifndef HAVE_FAST_CLOCK\\n#error "this platform has no fast clock"\\n#endif\' "$file"',
    )


def bad_template(recipe: str, chance: random.Random) -> str:
    text = chance.choice(
        [
            "#include <algorithm>\\n#include <list>\\nint smallest(std::list<int> sizes) { std::sort(sizes.begin(), sizes.end()); return sizes.front(); }",
            "#include <map>\\nstruct Key { int number; };\\nint known(std::map<Key, int> numbers) { return numbers[Key{1}]; }",
            "#include <memory>\\nstd::unique_ptr<int> twice(std::unique_ptr<int>& one) { return std::unique_ptr<int>(one); }",
        ]
    )
    return first_step(recipe, choose(chance, "-name '*.cpp' -o -name '*.cc'") + f"\nprintf '{text}\\n' >> \"$file\"")


def wrong_assumption(recipe: str, chance: random.Random) -> str:
    script = choose(chance, "-name '*.c'", holding="include <std")
    return first_step(recipe, script + '\necho \'_Static_assert(sizeof(long) == 4, "long has 32 bits");\' >> "$file"')


def bad_assembly(recipe: str, chance: random.Random) -> str:
    script = choose(chance, CODE, holding="include")
    return first_step(recipe, script + '\necho \'void wait_for_it(void) { __asm__("pausse"); }\' >> "$file"')


def define_twice(recipe: str, chance: random.Random) -> str:
    one, other = (choose(chance, "-name '*.c'", holding="include") for _ in range(2))
    append = "\necho 'int farm_total(void) { return 1; }' >> \"$file\"\n"
    return first_step(recipe, one + append + other + append)


def break_two_files(recipe: str, chance: random.Random) -> str:
    """Two compilations that fail at once: what the log has first is the cause that a person mends first."""
    one, other = (choose(chance, CODE, holding="include") for _ in range(2))
    texts = chance.sample(['#include \\"nowhere/first.h\\"', "int broken = ;", "typedef unknown_t other_t;"], 2)
    return first_step(recipe, f'{one}\necho "{texts[0]}" >> "$file"\n{other}\necho "{texts[1]}" >> "$file"')
