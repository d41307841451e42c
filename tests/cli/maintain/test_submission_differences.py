"""What an owner sees of a submission before signing: every byte that differs from the owner's own tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.cli.maintain.submission_differences import differences
from farm.core.names.digest import Digest

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = b"name: a\nrun: make\n", b"name: a\nrun: evil\n"
GONE, ADDED = Digest.of(b"x\n"), Digest.of(b"z\n")


def own(tree: Path, **files: bytes) -> Path:
    """A tree that has the recipe `a`."""
    for name, content in files.items():
        file = tree / "packages" / "a" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tree


def lines(tree: Path, files: dict[str, bytes], known: dict[str, bytes] | None = None) -> list[str]:
    return list(differences({"a": files}, tree, {"a": known or {}}))


def test_it_is_compared_with_the_own_tree_whatever_the_farm_calls_current(tmp_path: Path) -> None:
    own(tmp_path, recipe=OLD, gone=b"x\n", same=b"y\n")
    files = {"recipe": NEW, "new": b"z\n", "same": b"y\n"}
    shown = lines(tmp_path, files, known=files)
    assert shown[:4] == [
        f"a: compared with {tmp_path}/packages/a; the farm's current version is different",
        f"  gone: {GONE} -> none",
        f"  new: none -> {ADDED}",
        f"  recipe: {Digest.of(OLD)} -> {Digest.of(NEW)}",
    ]
    assert [line for line in shown[4:] if line[:1] in "+-"] == [
        "--- a/a/gone", "+++ b/a/gone", "-x", "-",
        "--- a/a/new", "+++ b/a/new", "+z", "+",
        "--- a/a/recipe", "+++ b/a/recipe", "-run: make", "+run: evil",
    ]  # fmt: skip


@pytest.mark.parametrize(("known", "reason"), [(NEW, "the farm has it, your tree does not"), (None, "it is new")])
def test_where_there_is_nothing_of_ones_own_all_is_shown(tmp_path: Path, known: bytes | None, reason: str) -> None:
    shown = lines(tmp_path, {"recipe": NEW}, {"recipe": known} if known else None)
    assert shown[0] == f"a: shown in full, as it is not in {tmp_path}/packages ({reason})"
    assert shown[-3:] == ["+name: a", "+run: evil", "+"]


def test_what_is_the_same_is_said_to_be_so(tmp_path: Path) -> None:
    shown = lines(own(tmp_path, recipe=OLD), {"recipe": OLD}, {"recipe": OLD})
    assert shown == [f"a: compared with {tmp_path}/packages/a", "  identical"]


@pytest.mark.parametrize(
    ("before", "after", "removed", "added"),
    [
        (b"a\n", b"a\r\n", "-a", "+a\r"),
        (b"a\xff\n", b"a\xfe\x0c\n", "-a\\xff", "+a\\xfe\x0c"),
        (b"a\n", b"a\x0c\n", "-a", "+a\x0c"),
        (b"a\xff", b"a\\xff", "-a\\xff", "+a\\xff"),
        (b"a\n", b"a", "-", ""),
        ("a\u2028b".encode(), b"a\nb", "-a\u2028b", "+a"),
    ],
    ids=["line endings", "no UTF-8", "a form feed", "a byte spelt out", "the last line end", "a line separator"],
)
def test_no_byte_differs_unseen(tmp_path: Path, before: bytes, after: bytes, removed: str, added: str) -> None:
    shown = lines(own(tmp_path, patch=before), {"patch": after})
    binary = ", binary" if b"\xff" in before else ""
    assert shown[1] == f"  patch: {Digest.of(before)} -> {Digest.of(after)}{binary}"
    assert removed in shown[2:]
    assert not added or added in shown[2:]


def test_an_empty_file_is_not_the_same_as_none(tmp_path: Path) -> None:
    assert lines(own(tmp_path, recipe=OLD, mark=b""), {"recipe": OLD})[1:] == [f"  mark: {Digest.of(b'')} -> none",
        "--- a/a/mark", "+++ b/a/mark", "@@ -1 +0,0 @@", "-"]  # fmt: skip
