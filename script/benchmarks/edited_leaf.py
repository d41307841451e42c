"""Packages that nothing needs, and of which one line is edited; their recipes for the farm and for rattler-build.

Both build the same archive with the same patch, commands and flags, as many processes at once, and run the same tests.
"""

from __future__ import annotations

import difflib
import shlex
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from farm.core.recipe.flags import with_flags

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.names.platform import Platform
    from farm.core.recipe.recipe import Recipe

PATCH = "edit.patch"
TOOLCHAIN = "full"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A recipe of the tree, and one line of its source in which `before` becomes `after`, with the number of the edit.

    `commands` build and install it for rattler-build, as the recipe's steps do for the farm. `prints` is the command
    that prints the edited line; `tests` are others, with what they print.
    """

    name: str
    file: str
    before: str
    after: str
    prints: tuple[str, ...]
    tests: tuple[tuple[tuple[str, ...], str], ...]
    commands: tuple[str, ...]

    def line(self, number: int) -> str:
        """Return the text that an edit puts into the line."""
        return self.after.format(_edit(number))

    def edited(self, content: str, number: int) -> str:
        """Return the edited text of the file. Raises `ValueError` unless exactly one line changes."""
        if content.count(self.before) != 1:
            raise ValueError(f"{self.before!r} is not once in {self.file}")
        return content.replace(self.before, self.line(number))

    def patch(self, archive: Path, number: int) -> str:
        """Return the edit as a patch of the source in an archive."""
        with tarfile.open(archive) as tar:
            (member,) = (one for one in tar.getmembers() if one.name.partition("/")[2] == self.file)
            file = tar.extractfile(member)
            assert file is not None  # noqa: S101  # a regular file
            old = file.read().decode()
        before, after = (text.splitlines(keepends=True) for text in (old, self.edited(old, number)))
        return "".join(difflib.unified_diff(before, after, f"a/{self.file}", f"b/{self.file}"))

    def farm_recipe(self, recipe: str, number: int) -> str:
        """Return the recipe of the tree with the patch, and tests that need no shell."""
        content = yaml.safe_load(recipe)
        content |= {"source": [content["source"], {"file": PATCH}], "toolchain": TOOLCHAIN}
        content.pop("test-needs", None)
        content["tests"] = [
            {"name": f"it runs, {place}", "command": list(command), "prints": printed}
            for place, (command, printed) in enumerate(self.tests, 1)
        ]
        edit = {"name": "it is the edited one", "command": list(self.prints), "matches": rf"\b{_edit(number)}\b"}
        content["tests"].append(edit)
        return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)

    def rattler_recipe(self, recipe: Recipe, source: str, number: int, *, platform: Platform, jobs: int) -> str:
        """Return the same for rattler-build. `source` is the path of the archive, beside which the patch is."""
        tests = [f'test {shlex.quote(printed)} = "$({shlex.join(command)})"' for command, printed in self.tests]
        tests.append(f"{shlex.join(self.prints)} | grep -q -w {shlex.quote(_edit(number))}")
        flags = dict(with_flags(recipe.flags, recipe.environment, platform))
        variables = flags | {"MAKEFLAGS": f"-j{jobs}", "CONFIG_SHELL": "/bin/sh"}
        content = {
            "package": {"name": recipe.name, "version": str(recipe.version)},
            "source": {"path": source, "patches": [PATCH]},
            "build": {"number": 0, "script": {"env": variables, "content": list(self.commands)}},
            "tests": [{"script": tests}],
        }
        return yaml.safe_dump(content, sort_keys=False)


def _edit(number: int) -> str:
    return f"edit {number}"


FIGLET = Leaf(
    name="figlet",
    file="figlet.c",
    before='#define DATE "31 May 2012"',
    after='#define DATE "{}"',
    prints=("figlet", "-v"),
    tests=((("figlet", "-f", "term", "-C", "upper", "small"), "SMALL"),),
    commands=(
        'make figlet chkfont prefix="$PREFIX" CFLAGS="$CFLAGS" LDFLAGS="$LDFLAGS"',
        'make install prefix="$PREFIX" MANDIR="$PREFIX/share/man" CFLAGS="$CFLAGS" LDFLAGS="$LDFLAGS"',
        'strip --strip-unneeded "$PREFIX/bin/figlet" "$PREFIX/bin/chkfont"',
    ),
)

LEAVES = (FIGLET,)
