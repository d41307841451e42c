"""A tree of recipes in which nothing is reported, for the tests of this directory to modify."""

from __future__ import annotations

import re
from pathlib import Path

from farm.build.recipe_directory import read_recipe_directory

ROOT = Path(__file__).parents[3]
RECIPE = """\
name: hello
version: "1.0"
summary: Program that greets
license: CC0-1.0
toolchain: c
steps:
  - run: make install
  - license: {files: [COPYING]}
tests:
  - command: [hello, farm]
    prints: Hello, farm.
"""
_KEY = re.compile(r"^([a-z-]+):")


def with_keys(text: str, keys: str) -> str:
    """Return a recipe with the keys of another text in place of its own."""
    parts: dict[str, str] = {}
    for source in (text, keys):
        key = ""
        for number, line in enumerate(source.splitlines(keepends=True)):
            if found := _KEY.match(line):
                key = found[1]
                parts[key] = ""
            assert key, (number, line)
            parts[key] += line
    return "".join(parts.values())


def named(name: str, more: str = "") -> str:
    return with_keys(RECIPE, f"name: {name}\n{more}")


def tree(keys: str = "", *, beside: tuple[str, ...] = (), **recipes: str) -> dict[str, bytes]:
    """Return the files of a tree whose recipe hello has these keys, and other recipes by name."""
    shipped = read_recipe_directory(ROOT / "recipes")
    files = {path: text for path, text in shipped.items() if not path.startswith("packages/")}
    others = {name: named(name) for name in ("bash", "zlib", "glibc", "gcc-libs")} | recipes
    texts = {"hello": with_keys(RECIPE, keys), "greeter": named("greeter", "build-needs: [zlib]\n")} | others
    files |= {f"packages/{name}/recipe.yaml": text.encode() for name, text in texts.items()}
    return files | {f"packages/hello/{file}": b"" for file in beside}
