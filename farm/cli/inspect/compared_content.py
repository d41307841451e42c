"""The content of one file in two builds, compared: as lines, by diffoscope, or by size and digest."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING

from farm.cli.inspect.comparison_lines import entry_in_words
from farm.cli.output import say, say_json, say_lines
from farm.core.comparison.lines import is_text, unified_lines
from farm.core.fileset.manifest import File
from farm.core.names.digest import Digest
from farm.errors import FarmError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from farm.cli.inspect.compared_sides import Side
    from farm.core.fileset.manifest import Entry

_LARGEST_TEXT = 2 << 20
"""The largest file, in bytes, of which lines are compared: that takes time by the square of their number."""
_DIFFOSCOPE = "diffoscope"


def compare_content(one: Side, other: Side, path: str, *, as_json: bool) -> bool:
    """Print how a file differs; return whether it does. Raises `no-such-file`, and what fetching raises."""
    path = path.strip("/")
    before, after = (side.build.manifest.by_path.get(path) for side in (one, other))
    if before is None and after is None:
        raise _unknown(one, other, path)
    lines = None if before == after else _lines(one, other, path, before, after)
    if as_json:
        entries = {"before": before and before.to_dict(), "after": after and after.to_dict()}
        say_json({"path": path, "equal": before == after, **entries, "lines": lines and list(lines)})
    elif before == after:
        say(f"no differences: {path} is the same in both")
    else:
        say_lines(lines if lines is not None else _described(before, after))
    return before != after


def _lines(one: Side, other: Side, path: str, before: Entry | None, after: Entry | None) -> Iterable[str] | None:
    """Return the differences as lines; None where only the entries can be shown."""
    contents = [_file(side, path, entry) for side, entry in ((one, before), (other, after))]
    if not any(contents) or any(entry and not isinstance(entry, File) for entry in (before, after)):
        return None
    if all(file is None or file.stat().st_size <= _LARGEST_TEXT for file in contents):
        texts = [file.read_bytes() if file else None for file in contents]
        if all(text is None or is_text(text) for text in texts):
            return unified_lines(path, *texts)
    program = shutil.which(_DIFFOSCOPE)
    if program is None or None in contents:
        return None
    return _report(program, [str(file) for file in contents])


def _file(side: Side, path: str, entry: Entry | None) -> Path | None:
    """Return the file of a side, read once to see that it is the recorded one; None if the side has no such file."""
    if not isinstance(entry, File):
        return None
    file = side.files() / path
    with file.open("rb") as content:
        found = Digest.from_hex(hashlib.file_digest(content, "sha256").hexdigest())
    if found != entry.digest:
        raise FarmError(
            f"{file} was changed since it was unpacked: it is {found}, not {entry.digest}",
            remedy="Remove the directory of the package: it is unpacked again.",
            code="changed-file",
        )
    return file


def _report(program: str, files: list[str]) -> Iterator[str]:
    """Yield the lines of diffoscope's report, as they come."""
    with subprocess.Popen([program, "--text", "-", "--", *files], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None  # noqa: S101  (a pipe was asked for)
        for line in running.stdout:
            yield line.decode(errors="backslashreplace").rstrip("\n")
    if running.returncode not in (0, 1):
        raise FarmError(
            f"{program} ended with status {running.returncode}",
            remedy="Without it in PATH, sizes and digests are shown.",
            code="diffoscope",
        )


def _described(before: Entry | None, after: Entry | None) -> Iterator[str]:
    for mark, entry in (("-", before), ("+", after)):
        shown = entry_in_words(entry) if entry else "no such file"
        yield f"{mark} {shown}" + (f", {entry.digest}" if isinstance(entry, File) else "")
    if isinstance(before, File) and isinstance(after, File) and before.digest != after.digest:
        yield "the content is no text; diffoscope, where it is installed, shows how it differs"


def _unknown(one: Side, other: Side, path: str) -> FarmError:
    paths = one.build.manifest.by_path.keys() | other.build.manifest.by_path.keys()
    return FarmError(
        f"neither build of {one.build.descriptor.name.short} has a file {path}",
        remedy=did_you_mean(path, paths, "`farm diff` lists the files that differ."),
        code="no-such-file",
    )
