"""Breaks recipes of this tree at random, from a seed, and keeps the logs of the builds that fail.

    python -m tests.core.buildlog.breaker SEED COUNT DIRECTORY

builds broken copies of `recipes/` with `farm build` until COUNT have failed, and writes the log of each to DIRECTORY,
with `breakages.txt`, which says what was broken. What the first error of each is, a person reads and writes down.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPES = Path(__file__).parents[3] / "recipes"
NAMES = (
    "bzip2 grep jq json-c libffi lz4 make ncurses oniguruma pcre2 pkgconf readline sqlite xz zlib zstd".split()  # noqa: SIM905
)
_MOST_BYTES = 200_000


def first_step(recipe: str, script: str) -> str:
    """Put a step before all others."""
    lines = "".join(f"      {line}\n" for line in script.splitlines())
    return recipe.replace("\nsteps:\n", f"\nsteps:\n  - run: |\n{lines}", 1)


def last_step(recipe: str, script: str) -> str:
    return recipe.replace("\n  - license:", f"\n  - run: {script}\n  - license:", 1)


def pick(chance: random.Random, pattern: str) -> str:
    """Return shell that puts a file of the source, in its upper two levels, into $file."""
    number = chance.randrange(1_000_000)
    return (
        f"files=($(find . -maxdepth 2 -name '{pattern}' -size +1k | grep -viE 'win|vms|dos|test|example' | sort))\n"
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


def wrong_compiler(recipe: str, chance: random.Random) -> str:
    name = chance.choice(["gcc-99", "clang", "tcc"])
    for key in ("configure: [", "make: ["):
        if key in recipe and "- cmake" not in recipe and "- meson" not in recipe:
            return recipe.replace(key, f"{key}CC={name}, ", 1)
    return ""


def wrong_library(recipe: str, _: random.Random) -> str:
    return re.sub(r"compile: \[-l(\w+|json-c)\]", r"compile: [-l\1-static-only]", recipe)


def wrong_license(recipe: str, chance: random.Random) -> str:
    return re.sub(
        r"license: \{files: \[[^]]*\]", f"license: {{files: [{chance.choice(['LICENSE.txt', 'NOTICE'])}]", recipe
    )


def fail_test(recipe: str, chance: random.Random) -> str:
    if "- autotools: {" not in recipe:
        return ""
    number = chance.randrange(1_000_000)
    broken = recipe.replace("- autotools: {", "- autotools: {check: true, ", 1)
    return first_step(
        broken,
        "files=($(grep -lE 'int main' test*/*.c tests/*/*.c src/test*.c src/*_test.c 2>/dev/null | sort))\n"
        f"file=${{files[{number} % ${{#files[@]}}]}}\necho broken: $file\n"
        "sed -i -E 's/^([[:space:]]+)return \\(?(0|EXIT_SUCCESS|[a-z_]+)\\)?;/\\1return 1;/; s/exit ?\\(0\\)/exit(1)/' \"$file\"",
    )


def bad_patch(recipe: str, chance: random.Random) -> str:
    return first_step(
        recipe,
        pick(chance, "*.c") + '\n{ printf -- "--- a/%s\\n+++ b/%s\\n@@ -10,3 +10,3 @@\\n" "$file" "$file"\n'
        "  printf ' not\\n-there\\n+here\\n at all\\n'; } | patch -p1",
    )


def network(recipe: str, chance: random.Random) -> str:
    if "toolchain: full" not in recipe:
        return ""
    one = "python3 -c 'import urllib.request; urllib.request.urlopen(\"https://data.example.org/models.json\")'"
    two = 'perl -MIO::Socket::INET -e \'IO::Socket::INET->new("data.example.org:80") or die "data.example.org: $@"\''
    return first_step(recipe, chance.choice([one, two]))


def little_memory(recipe: str, _: random.Random) -> str:
    return recipe.replace("\ntoolchain:", "\nlimits: {memory-mb: 32}\ntoolchain:", 1)


def lost_install(recipe: str, chance: random.Random) -> str:
    verb = chance.choice(["rm", "cp -t .", "install -t .", "strip"])
    return last_step(recipe, f'{verb} "$DESTDIR/usr/lib/libnever.so.1"')


BREAKAGES: tuple[Callable[[str, random.Random], str], ...] = (
    drop_need, cut_header, delete_source, delete_header, empty_source, drop_semicolon, wrong_flag, wrong_compiler,
    wrong_library, wrong_license, fail_test, bad_patch, network, little_memory, lost_install,
)  # fmt: skip


def main(seed: int, count: int, directory: Path) -> None:
    chance = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    drawn: set[tuple[str, str]] = set()
    found = 0
    while found < count:
        breakage, name = chance.choice(BREAKAGES), chance.choice(NAMES)
        recipe = (RECIPES / "packages" / name / "recipe.yaml").read_text()
        broken = breakage(recipe, chance)
        if broken in ("", recipe) or (breakage.__name__, name) in drawn:
            continue
        drawn.add((breakage.__name__, name))
        log = build(name, broken)
        said = f"{breakage.__name__} of {name}"
        print(said, "->", "builds all the same" if log is None else f"{len(log)} bytes", flush=True)
        if log:
            found += 1
            (directory / f"{found:02}-{name}-{breakage.__name__.replace('_', '-')}.log").write_bytes(trimmed(log))


def build(name: str, recipe: str) -> bytes | None:
    """Build a recipe in a copy of the tree; return its log, None if it succeeds, nothing if it cannot begin."""
    logs = Path(os.environ["FARM_STATE"]) / "logs"
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "recipes"
        shutil.copytree(RECIPES, tree)
        (tree / "packages" / name / "recipe.yaml").write_text(recipe)
        (logs / f"{name}.log").unlink(missing_ok=True)
        command = ["farm", "build", name, "--recipes", str(tree)]
        done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode == 0:
        return None
    try:
        return (logs / f"{name}.log").read_bytes()
    except FileNotFoundError:
        print(done.stderr.decode(errors="replace"))
        return b""


def trimmed(log: bytes) -> bytes:
    """Return a log without the middle of its part before the end, where it is too long to keep."""
    if len(log) <= _MOST_BYTES:
        return log
    begin, end = log[: _MOST_BYTES // 4], log[-_MOST_BYTES * 3 // 4 :]
    return begin[: begin.rfind(b"\n") + 1] + end[end.find(b"\n") + 1 :]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
