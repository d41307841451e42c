"""The edits in a source directory, as one patch: the files that a person has changed, and not those that the build has.

The directories are a stranger's: no link in them is followed.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm.build.kept.source_states import FILE, LARGEST, source_states
from farm.errors import FarmError
from farm.store.descriptors import opened
from farm.store.errors import TreeChangedError
from farm.store.tree_reader import OpenDirectories

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_UNSAFE = re.compile(r"[^\x21-\x7e]|[\"\\]")
"""What `patch` reads differently in the name of a file."""


@dataclass(frozen=True, slots=True)
class SourcePatch:
    """A patch for `patch --strip=1`: its text without a header, its files, and those that the build changed as well."""

    text: bytes
    files: tuple[str, ...]
    changed_by_build: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Content:
    """A regular file as it is now."""

    content: bytes
    executable: bool


class UnpatchableError(FarmError):
    """Edits that no patch can carry; `files` are those at fault."""

    code = "unpatchable"

    def __init__(self, files: Mapping[str, str]) -> None:
        super().__init__(
            "\n".join(["no patch can carry these edits:", *(f"  {path}: {why}" for path, why in files.items())]),
            remedy="Make them in a step of the recipe instead, or undo them in the shell.",
        )
        self.files = files


def make_patch(pristine: Path, edited: Path, *, when_kept: Mapping[str, str], added: Iterable[str] = ()) -> SourcePatch:
    """Compare the source directory of a kept build with the pristine one.

    Considered are the files and links of `pristine` that differ from it and from `when_kept` (states by path), and
    `added`: new files. The same edits give the same bytes. Raises `UnpatchableError` with every file that a patch
    cannot carry, the error `nothing-to-patch`, and as `source_states`.
    """
    before, now = source_states(pristine), source_states(edited)
    wanted = [path for path, state in before.items() if now.get(path) not in (state, when_kept.get(path))]
    wanted = sorted({*wanted, *added})
    problems: dict[str, str] = {}
    parts = []
    for path in wanted:
        try:
            parts.append(_file_patch(path, _read(pristine, path), _read(edited, path)))
        except ValueError as error:
            problems[path] = str(error)
    if problems:
        raise UnpatchableError(problems)
    text = b"".join(parts)
    if not text:
        raise FarmError(
            "no file of the unpacked sources was edited",
            remedy="Edit them in `farm shell`, below /build/src; name new files with --add.",
            code="nothing-to-patch",
        )
    by_build = [path for path in wanted if path in before and when_kept.get(path) != before[path]]
    return SourcePatch(text, tuple(wanted), tuple(by_build))


def _file_patch(path: str, old: _Content | None, new: _Content | None) -> bytes:
    """Return the part for one file. Raises `ValueError` with the reason where there can be none."""
    if _UNSAFE.search(path):
        raise ValueError("its name has characters that patches do not carry")
    if old is None and new is None:
        raise ValueError("there is no such file below /build/src")
    if any(b"\0" in side.content for side in (old, new) if side):
        raise ValueError("it is a binary file")
    if not ((old and old.content) or (new and new.content)):
        raise ValueError("it is an empty file")
    if old and new and old.executable != new.executable:
        raise ValueError("its mode was changed")
    head = b""
    if old is None and new and new.executable:
        head = f"diff --git a/{path} b/{path}\nnew file mode 100755\n".encode()
    return head + _diff(
        old.content if old else b"",
        new.content if new else b"",
        labels=(f"a/{path}" if old else "/dev/null", f"b/{path}" if new else "/dev/null"),
    )


def _diff(old: bytes, new: bytes, labels: tuple[str, str]) -> bytes:
    with tempfile.TemporaryDirectory(prefix="farm-patch-") as work:
        files = []
        for name, content in (("old", old), ("new", new)):
            file = Path(work, name)
            file.write_bytes(content)
            files.append(str(file))
        command = ["diff", "--text", "--unified", "--label", labels[0], "--label", labels[1], *files]
        done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode > 1:
        raise FarmError(f"diff failed: {done.stderr.decode(errors='replace').strip()}", code="diff-failed")
    return done.stdout


def _read(root: Path, path: str) -> _Content | None:
    """Return a regular file; None if there is nothing. Raises `ValueError` for anything else."""
    parts = path.split("/")
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise ValueError("it is no path below /build/src")
    try:
        with OpenDirectories(root) as tree:
            name = tree.enter(path)
            with opened(name, FILE, dir_fd=tree.descriptor) as descriptor:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise ValueError("it is not a regular file")
                if status.st_size > LARGEST:
                    raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
                with os.fdopen(os.dup(descriptor), "rb") as file:
                    return _Content(file.read(LARGEST + 1), bool(status.st_mode & 0o111))
    except FileNotFoundError:
        return None
    except (TreeChangedError, OSError) as error:
        if isinstance(error, TreeChangedError) and isinstance(error.__cause__, FileNotFoundError):
            return None
        raise ValueError("it is a link, or below one") from error
