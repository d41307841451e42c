"""The differences between a submission and the reader's own tree: by digests, then line by line.

The comparison never relies on what the farm calls current: that comes from its database, and an attacker who can write
there could make a change look like none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.comparison.lines import is_text, unified_lines
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    Files = Mapping[str, bytes]
    Recipes = Mapping[str, Files]


def differences(submitted: Recipes, tree: Path, known: Recipes) -> Iterator[str]:
    """Yield the differences between recipes, each the files of its directory by name, and those of a tree.

    `known` is what the farm calls current. The list of changed files comes first, then their lines.
    Raises the error `unreadable-recipes`.
    """
    own = {name: _own(tree, name) for name in submitted}
    for name, files in sorted(submitted.items()):
        yield _against(name, tree, own[name], known.get(name, {}))
        yield from _files(own[name], files)
    for name, files in sorted(submitted.items()):
        for file in _changed(own[name], files):
            yield from unified_lines(f"{name}/{file}", own[name].get(file), files.get(file))


def _own(tree: Path, name: str) -> Files:
    from farm.build.recipe_directory import read_recipe_directory

    place = tree / "packages" / name
    return read_recipe_directory(place) if place.is_dir() else {}


def _against(name: str, tree: Path, own: Files, known: Files) -> str:
    if own:
        older = "; the farm's current version is different" if known and known != own else ""
        return f"{name}: compared with {tree}/packages/{name}{older}"
    why = "the farm has it, your tree does not" if known else "it is new"
    return f"{name}: shown in full, as it is not in {tree}/packages ({why})"


def _changed(own: Files, files: Files) -> list[str]:
    return sorted(file for file in own.keys() | files.keys() if own.get(file) != files.get(file))


def _files(own: Files, files: Files) -> Iterator[str]:
    changed = _changed(own, files)
    for file in changed:
        before, after = own.get(file), files.get(file)
        binary = ", binary" if any(content is not None and not is_text(content) for content in (before, after)) else ""
        yield f"  {file}: {_digest(before)} -> {_digest(after)}{binary}"
    if not changed:
        yield "  identical"


def _digest(content: bytes | None) -> str:
    return "none" if content is None else Digest.of(content)
