"""What the dynamic linker of a set reports on each of its files: the truth that the proof is compared with.

The set is composed as `farm run` composes it, and its own loader run in bubblewrap, where the only file of the host is
a static shell. One sandbox serves all files of a set.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farm.client.run.bubblewrap import bubblewrap_command
from farm.client.run.late_binding import RunOptions
from farm.container.environment import render_links
from farm.container.sandbox_spec import Bind
from farm.core.fileset.manifest import File
from farm.core.package.path_glob import matches
from farm.core.sets.composition.compose import compose
from farm.core.sets.composition.root_view import RootView

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from tests.oracle.parts import Part

SHELL = Path("/usr/bin/busybox")
"""Debian's busybox-static: a shell that works where the set's own libraries are broken."""
_LOADER = "/usr/lib/ld-linux-x86-64.so.2"
_DEFAULT = ("lib", "lib/x86_64-linux-gnu")
_MACHINE = 62
_SECONDS = 600
_SCRIPT = f"""\
while read -r how path program; do
  echo "@ $how $path"
  case $how in
    program) LD_TRACE_LOADED_OBJECTS=1 LD_WARN=yes LD_BIND_NOW=1 $path </dev/null 2>&1 ;;
    library | inner) LD_TRACE_LOADED_OBJECTS=1 LD_WARN=yes LD_BIND_NOW=1 {_LOADER} $path </dev/null 2>&1 ;;
    plugin) LD_PRELOAD=$path LD_TRACE_LOADED_OBJECTS=1 LD_WARN=yes LD_BIND_NOW=1 $program </dev/null 2>&1 ;;
    run) LD_BIND_NOW=1 $path --version </dev/null >/tmp/said 2>&1 ;;
  esac
  status=$?
  [ $how != run ] || [ $status -ne 127 ] || while read -r line; do echo "$line"; done </tmp/said
  echo "= $status"
done
"""
_LOADED = re.compile(r"\t(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)")
_FAULTS = (
    ("library", re.compile(r"\t(?P<name>\S+) => not found")),
    ("symbol", re.compile(r"undefined symbol: (?P<name>[^\s,]+)(?:, version (?P<version>\S+))?\s*\((?P<file>\S+)\)")),
    ("version", re.compile(r"\S+: \S+: version `(?P<name>[^']+)' not found \(required by (?P<file>\S+)\)")),
)
_WARNINGS = (
    ("no versions", re.compile(r"\S+: (?P<name>\S+): no version information available \(required by (?P<file>\S+)\)")),
    ("size", re.compile(r"(?P<file>\S+): Symbol `(?P<name>[^']+)' (?:has different size|causes overflow) in .*")),
    (
        "protected",
        re.compile(r"(?:\S+: )?warning: copy relocation against non-copyable protected symbol `(?P<name>[^']+)'.*"),
    ),
)
_CANNOT_START = re.compile(r"(?:sh|/judge/script): (?:line \d+: )?(\S+): not found")
_SILENT = re.compile(r"|\tlinux-vdso\S* \(.*|\tstatically linked|(?:\S+: )+weak version `[^']+' not found .*")
_NOT_STARTED = 127
"""The status with which the linker ends a program that it cannot start. Later failures are out of scope."""

FileOf = tuple[str, str]
"""The package and the path in it."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that the linker does not find: a `symbol`, a `version`, a `library`, or an `interpreter`; or a `start`.

    `package` and `file` name what lacks it. A `start` is a program that ends inside the linker although nothing is
    reported missing; its name is the last one that the linker printed.
    """

    kind: str
    package: str
    file: str
    name: str
    version: str = ""


@dataclass(frozen=True)
class Answer:
    """What the linker reported on a set, and with what each file was loaded.

    `warnings` are of the kinds `no versions` (of a library), `size` and `protected` (of a copied symbol).
    """

    faults: frozenset[Fault]
    warnings: frozenset[Fault]
    loaded: Mapping[FileOf, frozenset[FileOf]]


def ask(parts: Sequence[Part], folder: Path, about: Collection[str] = ()) -> Answer:
    """Run the loader of a set on every file of it, or of the packages given by `about`; `folder` is its own."""
    composition = compose((part.descriptor, part.manifest) for part in parts)
    (folder / "links").mkdir(parents=True)
    render_links(folder / "links", composition.forest)
    script = folder / "script"
    script.write_text(_SCRIPT)
    options = RunOptions(
        command=("/judge/busybox", "sh", "/judge/script"),
        binds=(Bind(SHELL, "/judge/busybox"), Bind(script, "/judge/script")),
    )
    packages = {part.descriptor.store_path: part.tree for part in parts}
    questions = list(_questions(part for part in parts if not about or part.name in about))
    ran = subprocess.run(
        bubblewrap_command(packages, folder / "links", options),
        input="".join(f"{' '.join(question)}\n" for question in questions),
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_SECONDS,
        check=False,
    )
    answers = sum(line.startswith("= ") for line in ran.stdout.splitlines())
    assert (ran.returncode, answers) == (0, len(questions)), ran.stderr + ran.stdout
    return _Reader(parts, RootView(composition, {part.descriptor.store_path: part.manifest for part in parts})).read(
        ran.stdout
    )


def _questions(parts: Iterable[Part]) -> Iterator[tuple[str, ...]]:
    for part in parts:
        plugins = part.descriptor.plugins
        for path in part.elf:
            file = part.elf_file(path)
            if not file.is_dynamic or file.machine != _MACHINE or path.endswith("/ld-linux-x86-64.so.2"):
                continue
            place = f"/usr/{path}"
            loaders = sorted({plugin.loader for plugin in plugins if matches(plugin.path, path)})
            if file.interpreter:
                yield "program", place
                yield "run", place
            elif loaders:
                yield from (("plugin", place, f"/usr/bin/{loader}") for loader in loaders)
            else:
                yield ("library" if path.rpartition("/")[0] in _DEFAULT else "inner"), place


def _news(faults: set[Fault]) -> set[Fault]:
    """Leave out what follows from a missing library: everything that would have come from it."""
    missing = {fault for fault in faults if fault.kind in {"library", "interpreter"}}
    return missing or faults


class _Reader:
    """Reads the script's output, and knows which file of which package a path of the root is."""

    def __init__(self, parts: Sequence[Part], view: RootView) -> None:
        self._parts = parts
        self._view = view
        self._faults: dict[FileOf, set[Fault]] = {}
        self._ended: set[Fault] = set()
        self._warnings: set[Fault] = set()
        self._loaded: dict[FileOf, set[FileOf]] = {}
        self._inner: set[FileOf] = set()
        self._auxiliary = {name for part in parts for path in part.elf for name in part.elf_file(path).auxiliary}

    def read(self, said: str) -> Answer:
        how, asked, last = "", ("", ""), ""
        for line in said.splitlines():
            if line.startswith("@ "):
                _, how, path = line.split(" ")
                asked, last = self._file(path), ""
                if how != "run":
                    self._faults[asked], self._loaded[asked] = set(), set()
                if how == "inner":
                    self._inner.add(asked)
            elif line.startswith("= "):
                if how == "run" and int(line[2:]) == _NOT_STARTED and not self._faults[asked]:
                    self._ended.add(Fault("start", *asked, last))
            elif how == "run":
                last = line
            else:
                self._line(line, asked, how)
        # A library on no search path is loaded by a file that has one; then it is judged there.
        elsewhere = {file for asked, files in self._loaded.items() if asked not in self._inner for file in files}
        judged = [_news(faults) for asked, faults in self._faults.items() if asked not in self._inner & elsewhere]
        return Answer(
            frozenset().union(*judged, self._ended),
            frozenset(self._warnings),
            {asked: frozenset(files) for asked, files in self._loaded.items()},
        )

    def _line(self, line: str, asked: FileOf, how: str) -> None:
        faults = self._faults[asked]
        if found := _LOADED.fullmatch(line):
            self._loaded[asked].add(self._file(found[1]))
        elif fault := self._matched(_FAULTS, line, asked):
            # A library that another one only prefers to be searched first (DT_AUXILIARY) is traced, and not missed.
            if not (fault.kind == "library" and fault.name in self._auxiliary):
                faults.add(fault)
        elif warning := self._matched(_WARNINGS, line, asked):
            self._warnings.add(warning)
        elif _CANNOT_START.fullmatch(line):
            if how == "program":  # of a plugin the program fails, and is reported
                faults.add(Fault("interpreter", *asked, self._part(asked[0]).elf_file(asked[1]).interpreter))
        elif not _SILENT.fullmatch(line):
            faults.add(Fault("start", *asked, line))

    def _matched(self, patterns: tuple[tuple[str, re.Pattern[str]], ...], line: str, asked: FileOf) -> Fault | None:
        for kind, pattern in patterns:
            if found := pattern.fullmatch(line):
                named = found.groupdict()
                file = self._file(named["file"]) if named.get("file") else asked
                return Fault(kind, *file, named["name"], named.get("version") or "")
        return None

    def _file(self, path: str) -> FileOf:
        entry = self._view.at(path)
        for part in self._parts:
            if isinstance(entry, File) and part.manifest.by_path.get(entry.path) is entry:
                return part.name, entry.path
        raise AssertionError(f"{path} is no file of the set: {entry}")

    def _part(self, name: str) -> Part:
        return next(part for part in self._parts if part.name == name)
