"""What the first two sets were broken by: a need, header, source, flag or library that is wrong or not there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.core.buildlog.breaking.steps import NOTHING, first_step

if TYPE_CHECKING:
    import random


def pick(chance: random.Random, pattern: str) -> str:
    """Return shell that puts a file of the source, in its upper two levels, into $file."""
    number = chance.randrange(1_000_000)
    return (
        f"files=($(find . -maxdepth 2 -name '{pattern}' -size +1k | grep -viE 'win|vms|dos|test|example' | sort))\n"
        f'test ${{#files[@]}} != 0 || {{ echo "{NOTHING}"; exit 1; }}\n'
        f"file=${{files[{number} % ${{#files[@]}}]}}\n"
        "echo broken: $file"
    )


def drop_need(recipe: str, chance: random.Random) -> str:
    found = re.search(r"^build-needs: \[(.*)\]$", recipe, re.MULTILINE)
    if not found:
        return ""
    needs = found[1].split(", ")
    needs.remove(chance.choice(needs))
    return recipe.replace(found[0], f"build-needs: [{', '.join(needs)}]")


def cut_header(recipe: str, chance: random.Random) -> str:
    return first_step(
        recipe, pick(chance, "*.h") + '\nhead -n $(($(wc -l < "$file") / 2)) "$file" > cut\nmv cut "$file"'
    )


def delete_source(recipe: str, chance: random.Random) -> str:
    return first_step(recipe, pick(chance, "*.c") + '\nrm "$file"')


def delete_header(recipe: str, chance: random.Random) -> str:
    return first_step(recipe, pick(chance, "*.h") + '\nrm "$file"')


def empty_source(recipe: str, chance: random.Random) -> str:
    return first_step(recipe, pick(chance, "*.c") + '\necho "int unused_$RANDOM;" > "$file"')


def drop_semicolon(recipe: str, chance: random.Random) -> str:
    number = chance.randrange(1_000_000)
    return first_step(
        recipe,
        pick(chance, "*.c") + "\nlines=($(grep -nE '^[[:space:]].*;$' \"$file\" | cut -d: -f1))\n"
        f'sed -i "${{lines[{number} % ${{#lines[@]}}]}}s/;$//" "$file"',
    )


def wrong_flag(recipe: str, chance: random.Random) -> str:
    flag = chance.choice(["-std=gnu1999", "-fno-such-thing", "-march=i8086", "-lnosuch"])
    if "- meson: {configure: [" in recipe:
        return recipe.replace("configure: [", f"configure: [-Dc_args={flag}, -Dc_link_args={flag}, ", 1)
    if "- cmake: {configure: [" in recipe:
        return recipe.replace("configure: [", f"configure: [-DCMAKE_C_FLAGS={flag}, ", 1)
    if "configure: [" in recipe:
        return recipe.replace("configure: [", f"configure: [CFLAGS={flag}, LDFLAGS={flag}, ", 1)
    return recipe.replace("make: [", f"make: [CFLAGS={flag}, ", 1) if "make: [" in recipe else ""


def wrong_library(recipe: str, _: random.Random) -> str:
    return re.sub(r"compile: \[-l(\w+|json-c)\]", r"compile: [-l\1-static-only]", recipe)


def bad_patch(recipe: str, chance: random.Random) -> str:
    return first_step(
        recipe,
        pick(chance, "*.c") + '\n{ printf -- "--- a/%s\\n+++ b/%s\\n@@ -10,3 +10,3 @@\\n" "$file" "$file"\n'
        "  printf ' not\\n-there\\n+here\\n at all\\n'; } | patch -p1",
    )
