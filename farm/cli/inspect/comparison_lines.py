"""The lines that show a comparison of two builds, or of two releases."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from farm.cli.output import styled
from farm.core.comparison.inputs import InputKind
from farm.core.comparison.lines import unified_lines
from farm.core.fileset.manifest import Directory, File, Link
from farm.core.names.wording import counted, human_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.build.local.interfaces import ComparedInterface
    from farm.cli.output import Line
    from farm.core.comparison.builds import BuildComparison, MemberChange
    from farm.core.comparison.files import FileChange
    from farm.core.comparison.inputs import InputChange, InputValue
    from farm.core.comparison.releases import ReleaseChange
    from farm.core.comparison.symbols import SymbolChange
    from farm.core.fileset.manifest import Entry

_COLOURS = {"+": "green", "-": "red"}
_MARKS = {"added": "+", "removed": "-", "changed": "~"}
_SHORT = 19
"""The characters of a digest that people compare: `sha256:` and twelve more."""


def build_lines(found: BuildComparison, interfaces: Iterable[ComparedInterface], most: int) -> Iterator[Line]:
    """Yield what differs between two builds; of files and symbols the first `most` each, or all for 0.

    `interfaces` are the verdicts on libraries, where they were asked for.
    """
    yield styled(f"{found.before} → {found.after}", bold=True)
    if found.is_empty:
        yield f"no differences: both are {found.before.descriptor}"
        return
    yield from _inputs(found.inputs)
    if found.recipe:
        yield "recipe:"
    for change in found.recipe or ():
        yield from map(marked, change.lines())
    yield from _files(found, most)
    for library in found.symbols:
        yield from _symbols(library, most)
    for interface in interfaces:
        reason = f", {interface.reason}" if interface.reason else ""
        yield f"interface of {interface.soname}: {interface.verdict}{reason}"
        yield from (f"  {line}" for line in interface.report)
    yield from map(_member, found.members)
    if not (found.inputs or found.recipe or found.files or found.symbols or found.members):
        yield "only what is recorded of the files differs, not the files"
    if None not in found.seconds:
        yield f"duration: {found.seconds[0]:.0f} s → {found.seconds[1]:.0f} s"


def release_lines(changes: Iterable[ReleaseChange]) -> Iterator[Line]:
    """Yield a line for each package that differs, as they come."""
    for change in changes:
        if change.before is None or change.after is None:
            mark, side = ("+", change.after) if change.before is None else ("-", change.before)
            yield styled(f"{mark} {change.name} {side.full_version if side else ''}".rstrip(), fg=_COLOURS[mark])
            continue
        before, after = change.before.full_version, change.after.full_version
        yield f"~ {change.name} {before if before == after else f'{before} → {after}'}: {_reason(change)}"


def marked(line: str) -> Line:
    """Return a line of a unified diff in the colour of its mark."""
    colour = _COLOURS.get(line[:1])
    return styled(line, fg=colour) if colour else line


def _reason(change: ReleaseChange) -> str:
    if change.kind != "rebuilt":
        kinds = {"version": "another version", "recipe": "another recipe", "imported": "another build is imported"}
        return kinds[change.kind]
    if change.inputs is None:
        return "rebuilt; its plans are no longer published"
    return f"rebuilt: {', '.join(map(input_in_words, change.inputs)) or 'the same plan, with another result'}"


def input_in_words(change: InputChange) -> str:
    """Return in one line how an input changed: `dependency dist.example.org/zlib 1.3 → 1.3.1`."""
    name = "" if change.kind.value == change.name else f" {change.name}"
    if change.kind is InputKind.STEP:
        return f"step{name}{_only_one(change)}"
    if change.kind is InputKind.FLAG and change.before and change.after:
        return f"flag{name} {_words(change.before.text.split(), change.after.text.split())}"
    if (
        change.kind is InputKind.DEPENDENCY
        and change.before
        and change.after
        and change.before.text == change.after.text
    ):
        name += f" {change.before.text}, another build:"
    return f"{change.kind.value}{name} {_values(change.before, change.after)}"


def _only_one(change: InputChange) -> str:
    return " added" if change.before is None else " removed" if change.after is None else ""


def _words(before: list[str], after: list[str]) -> str:
    """Return the words of flags that differ; of the same words in another order, all."""
    gone, new = ([word for word in words if word not in others] for words, others in ((before, after), (after, before)))
    if not gone and not new:
        gone, new = before, after
    return f"{' '.join(gone) or 'nothing'} → {' '.join(new) or 'nothing'}"


def _values(before: InputValue | None, after: InputValue | None) -> str:
    if before is None or after is None:
        side = after if before is None else before
        shown = " ".join(filter(None, (side.text, (side.digest or "")[:_SHORT]))) if side else ""
        return f"{shown} {'added' if before is None else 'removed'}".strip()
    if before.digest == after.digest or (before.text != after.text and before.digest is None):
        return f"{before.text or 'empty'} → {after.text or 'empty'}"
    digests = f"{(before.digest or '')[:_SHORT]} → {(after.digest or '')[:_SHORT]}"
    if before.text == after.text:
        return digests
    return f"{before.text} → {after.text} ({digests})"


def _inputs(changes: Sequence[InputChange] | None) -> Iterator[Line]:
    if changes is None:
        yield "inputs: not known, because a plan is not here"
        return
    if changes:
        yield f"inputs: {len(changes)}"
    for change in changes:
        yield f"  {input_in_words(change)}"
        if change.kind is InputKind.STEP:
            lines = unified_lines(change.name, _step(change.before), _step(change.after))
            yield from (styled("    ") + marked(line) for line in islice(lines, 2, None))


def _step(value: InputValue | None) -> bytes | None:
    return value.text.encode() if value else None


def _files(found: BuildComparison, most: int) -> Iterator[Line]:
    if not found.files:
        return
    numbers = [(kind, sum(file.kind == kind for file in found.files)) for kind in ("added", "removed", "changed")]
    shown = ", ".join(f"{number:,} {kind}" for kind, number in numbers if number)
    growth = f"; {human_size(abs(found.growth))} {'larger' if found.growth > 0 else 'smaller'}" if found.growth else ""
    yield f"files: {shown}{growth}"
    yield from _first([_file(file) for file in _up_to(found.files, most)], len(found.files))


def _file(change: FileChange) -> Line:
    line = f"{_MARKS[change.kind]} {change.path}  {_entries(change.before, change.after)}".rstrip()
    return styled(line, fg=_COLOURS.get(line[0])) if line[0] in _COLOURS else line


def _entries(before: Entry | None, after: Entry | None) -> str:
    if isinstance(before, File) and isinstance(after, File):
        parts = []
        if before.executable != after.executable:
            parts.append(f"mode {_mode(before)} → {_mode(after)}")
        if before.size != after.size:
            parts.append(f"{human_size(before.size)} → {human_size(after.size)}")
        elif before.digest != after.digest:
            parts.append(f"{human_size(before.size)}, other content")
        return ", ".join(parts)
    if isinstance(before, Link) and isinstance(after, Link):
        return f"link to {before.target} → {after.target}"
    return " → ".join(entry_in_words(entry) for entry in (before, after) if entry)


def entry_in_words(entry: Entry) -> str:
    """Return size and mode of a file, the target of a link, or that it is a directory."""
    match entry:
        case File():
            return f"{human_size(entry.size)}, {_mode(entry)}"
        case Link():
            return f"link to {entry.target}"
        case Directory():
            return "directory"


def _mode(file: File) -> str:
    return "0755" if file.executable else "0644"


def _symbols(library: SymbolChange, most: int) -> Iterator[Line]:
    if not (library.before and library.after):
        yield f"symbols of {library.soname}: the library is {'new' if library.after else 'gone'}" + (
            "" if library.after else ", which breaks what was linked with it"
        )
        return
    counts = (
        (len(library.removed), "removed"),
        (len(library.added), "added"),
        (len(library.resized), "of another size"),
    )
    breaks = "; this breaks what was linked with it" if library.breaks else ""
    yield f"symbols of {library.soname}: {', '.join(f'{number:,} {what}' for number, what in counts if number)}{breaks}"
    lines: list[Line] = [styled(f"- {name}", fg="red") for name in library.removed]
    lines += [f"~ {symbol.symbol}  {symbol.before} → {symbol.after} bytes" for symbol in library.resized]
    lines += [styled(f"+ {name}", fg="green") for name in library.added]
    yield from _first(list(_up_to(lines, most)), len(lines))


def _member(change: MemberChange) -> Line:
    single = len(change.removed) == len(change.added) == 1
    if single and change.member not in ("requires", "provides"):
        return f"{change.member}: {change.removed[0]} → {change.added[0]}"
    parts = [f"-{text}" for text in change.removed] + [f"+{text}" for text in change.added]
    return f"{change.member}: {' '.join(parts)}"


def _up_to(things: Sequence[object], most: int) -> Sequence:  # type: ignore[type-arg]
    return things[:most] if most else things


def _first(lines: Iterable[Line], total: int) -> Iterator[Line]:
    number = 0
    for number, line in enumerate(lines, 1):  # noqa: B007  (the number of the last one)
        yield styled("  ") + line
    if total > number:
        yield f"  and {counted(total - number, 'more', 'more')} (--limit 0 shows all)"
