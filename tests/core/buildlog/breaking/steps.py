"""Steps that are added to a recipe, and shell that chooses what to break in a source."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

NOTHING = "there is nothing to break here"
CODE = r"-name '*.c' -o -name '*.cc' -o -name '*.cpp'"
HEADERS = r"-name '*.h' -o -name '*.hpp'"
_OTHERS = "win32|vms|msdos|amiga|riscos|fuzz|example|contrib|bench|/ports/|/debian/"


def first_step(recipe: str, script: str) -> str:
    """Put a step before all others."""
    return recipe.replace("\nsteps:\n", f"\nsteps:\n  - run: |\n{_indented(script)}", 1)


def last_step(recipe: str, script: str) -> str:
    """Put a step behind the others, before the license's."""
    return recipe.replace("\n  - license:", f"\n  - run: |\n{_indented(script)}  - license:", 1)


def _indented(script: str) -> str:
    return "".join(f"      {line}\n" for line in script.splitlines())


def choose(chance: random.Random, names: str, *, tests: bool = False, holding: str = "") -> str:
    """Return shell that puts a file, which find's expression `names` and a pattern of its text choose, into $file."""
    number = chance.randrange(1_000_000)
    tested = "grep -E '/t(ests?)?/'" if tests else "grep -vE '/t(ests?)?/'"
    held = f" | xargs -r -d '\\n' grep -lE -e '{holding}'" if holding else ""
    return (
        f"files=$(find . -maxdepth 3 -type f \\( {names} \\) | {{ {tested} | grep -viE '{_OTHERS}' || true; }} | sort{held} || true)\n"
        f'test -n "$files" || {{ echo "{NOTHING}"; exit 1; }}\n'
        'count=$(wc -l <<< "$files")\n'
        f'file=$(sed -n "$(({number} % count + 1))p" <<< "$files")'
    )


def change_line(chance: random.Random, pattern: str, change: str) -> str:
    """Return shell that applies sed's `change` to one line of $file that `pattern` finds."""
    number = chance.randrange(1_000_000)
    return (
        f"lines=$(grep -nE -e '{pattern}' \"$file\" | cut -d: -f1)\n"
        'count=$(wc -l <<< "$lines")\n'
        f'line=$(sed -n "$(({number} % count + 1))p" <<< "$lines")\n'
        f'sed -i -E "${{line}}"\'{change}\' "$file"'
    )


def change_one(
    recipe: str, chance: random.Random, names: str, pattern: str, change: str, *, tests: bool = False
) -> str:
    """Change one line, which holds `pattern`, of one file of the source."""
    script = choose(chance, names, tests=tests, holding=pattern)
    return first_step(recipe, script + "\n" + change_line(chance, pattern, change))


def build_system(recipe: str) -> str:
    """Return the step that builds a recipe: autotools, cmake, make, meson, or run."""
    found = re.search(r"^  - (autotools|cmake|make|meson):", recipe, re.MULTILINE)
    return found[1] if found else "run"


def add_argument(recipe: str, key: str, argument: str) -> str:
    """Add an argument to the step that builds, for `configure` or `make`."""
    system = build_system(recipe)
    block = re.search(rf"^  - {system}:(?:.*\n)(?:   .*\n)*", recipe, re.MULTILINE)
    if not block:
        return ""
    text = block[0]
    if f"{key}: [" in text:
        broken = text.replace(f"{key}: [", f"{key}: [{argument}, ", 1)
    elif f"{key}:\n" in text:
        broken = re.sub(rf"( +){key}:\n", rf"\g<0>\1  - {argument}\n", text, count=1)
    elif "{" in text:
        broken = text.replace("{", f"{{{key}: [{argument}], ", 1)
    else:
        return ""
    return recipe.replace(text, broken, 1)


def add_key(recipe: str, key: str) -> str:
    """Add a key of the recipe, unless it has it already."""
    name = key.partition(":")[0]
    return (
        "" if re.search(rf"^{name}:", recipe, re.MULTILINE) else recipe.replace("\nsteps:\n", f"\n{key}\nsteps:\n", 1)
    )
