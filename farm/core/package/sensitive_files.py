"""The files of a package that affect programs of other packages, logins or the machine; and their declaration.

Found only from paths, links and ELF facts, whatever their source: builds, the farm that receives a report of one, the
checker, and subscribers call the same functions. docs/decisions/sensitive-files-are-declared.md explains what the list
leaves out.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from farm.core.fileset.archive_reader import STORE_ROOT
from farm.core.fileset.manifest import Directory, Link
from farm.core.names.declared import SensitiveFile
from farm.core.names.root_places import LINKED
from farm.core.names.wording import INVISIBLE
from farm.core.package.origins import faults_of_origins, named_by_path
from farm.core.package.path_glob import matches
from farm.core.package.resolve import resolve
from farm.core.package.sensitive_places import Sensitivity, is_above, places_of
from farm.errors import FarmError, in_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.core.fileset.manifest import Manifest
    from farm.core.names.package_name import PackageName
    from farm.core.package.descriptor import Descriptor
    from farm.core.package.facts import ElfFile, PackageFacts

_SHOWN = 20


class SensitiveFinding(NamedTuple):
    """A sensitive file: its path in the package, why, and details.

    For a declared link, `path` is where the same file would be in the package (`etc/passwd`).
    """

    path: str
    why: Sensitivity
    detail: str = ""

    @property
    def pattern(self) -> str:
        """A glob for exactly this file, which a recipe can contain whatever characters the name has."""
        return "".join("?" if _hidden(character) or character in "*?[" else character for character in self.path)

    @property
    def name(self) -> str:
        """Its path, with invisible characters escaped."""
        return _visible(self.path)

    @property
    def effect(self) -> str:
        """Its effect, for people."""
        return f"{self.why.effect}{f': {_visible(self.detail)}' if self.detail else ''}"

    def __str__(self) -> str:
        return f"{self.name}: {self.effect}"


class UndeclaredFilesError(FarmError):
    """A package has sensitive files that its recipe does not declare; `findings` are all of them."""

    code = "undeclared-files"

    def __init__(self, package: PackageName, findings: Sequence[SensitiveFinding], *, remedy: str = "") -> None:
        count = "a sensitive file" if len(findings) == 1 else f"{len(findings)} sensitive files"
        super().__init__(
            f"{package} has {count} that it does not declare:{in_lines(findings, _SHOWN)}",
            remedy=remedy
            or "Remove what the package does not need in a step of the recipe. Declare what it needs, with the reason, "
            f"which subscribers see: sensitive-files: [{{path: {findings[0].pattern}, reason: …}}].",
        )
        self.findings = tuple(findings)


class UnusedDeclarationError(FarmError):
    """A package declares sensitive files that it does not have: `paths`."""

    code = "unused-declaration"

    def __init__(self, package: PackageName, paths: Sequence[str]) -> None:
        super().__init__(
            f"{package} declares sensitive files that it does not have: {', '.join(map(_visible, paths))}",
            remedy="Remove these from sensitive-files, or fix their paths: they are as in the package, etc/passwd for "
            "/etc/passwd and lib/… for /usr/lib/….",
        )
        self.paths = tuple(paths)


_LIB = r"lib(?:64)?"
# Directories of one machine's libraries, as Debian names them: x86_64-linux-gnu.
_TRIPLET = r"[^/]+-linux-[^/]+"
# The loader searches these before lib: what a proof says about lib does not hold there.
_BEFORE_LIB = re.compile(rf"{_LIB}/{_TRIPLET}/(?:glibc-hwcaps/(?:.*/)?)?[^/]+\.so(?:\.[^/]+)?")
_VARIANT = re.compile(rf"({_LIB}(?:/{_TRIPLET})?)/glibc-hwcaps/(?:.*/)?([^/]+)")
_PYTHON = rf"{_LIB}/(?:python|pypy)[^/]*"
_STANDARD = re.compile(rf"({_PYTHON})/(?!(?:site|dist)-packages(?:/|\Z)|config-).+")
_MODULES = (".py", ".pyc", ".so")
_LANDMARK = "os.py"
"""Python finds the directory of its own modules by this file."""
_COMPILED = re.compile(rf"({_PYTHON}/(?:.*/)?)__pycache__/([^/.]+)\.[^/]*pyc")

_ORIGIN = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})(?=/|\Z)")
_SHARED = ("usr", "lib", "lib64")
_BLANK = re.compile(f"[{INVISIBLE}]")


def find_sensitive_files(
    manifest: Manifest, elf: Iterable[ElfFile], links: Sequence[tuple[str, str]], store: str
) -> tuple[SensitiveFinding, ...]:
    """Return the sensitive files of a package, sorted by path.

    `elf` are the facts of its programs and libraries, `links` its declared pairs of a path in the root and a path in
    the package, and `store` the name of its own directory under `/packages`.
    """
    found: set[SensitiveFinding] = set()
    for entry in manifest.entries:
        path = entry.path
        if hidden := _hidden(path) or (_hidden(entry.target) if isinstance(entry, Link) else ""):
            found.add(SensitiveFinding(path, Sensitivity.HIDDEN_NAME, hidden))
        if not isinstance(entry, Directory):
            found.update(_by_place(manifest, path, path))
    for link, target in links:
        path = link.removeprefix("usr/")
        if hidden := _hidden(path):
            found.add(SensitiveFinding(path, Sensitivity.HIDDEN_NAME, hidden))
        there = set(_by_place(manifest, path, target))
        if not there and link.startswith("usr/") and path.partition("/")[0] not in LINKED:
            there.add(SensitiveFinding(path, Sensitivity.FOREIGN_PLACE))
        found.update(there)
    for file in elf:
        found.update(_by_loading(file, store))
        found.update(
            SensitiveFinding(file.path, Sensitivity.SEARCH_PATH, fault)
            for fault in faults_of_origins(file, manifest, links)
        )
    return tuple(sorted(found, key=lambda finding: (finding.path, finding.why.word, finding.detail)))


def declared_of(findings: Iterable[SensitiveFinding], declared: Sequence[SensitiveFile]) -> tuple[SensitiveFile, ...]:
    """Return the declarations of a descriptor: each file that a glob of the recipe matches, with the first reason."""
    paths = sorted({finding.path for finding in findings})
    return tuple(
        SensitiveFile(path, reasons[0])
        for path in paths
        if (reasons := [file.reason for file in declared if matches(file.path, path)])
    )


def check_declared(
    package: PackageName, findings: Iterable[SensitiveFinding], declared: Iterable[SensitiveFile]
) -> None:
    """Check that a descriptor declares exactly what was found, so that users are shown all of it.

    Raises `UndeclaredFilesError`, `UnusedDeclarationError`.
    """
    findings, named = tuple(findings), {file.path for file in declared}
    if undeclared := [finding for finding in findings if finding.path not in named]:
        raise UndeclaredFilesError(package, undeclared)
    if unused := sorted(named - {finding.path for finding in findings}):
        raise UnusedDeclarationError(package, unused)


def sensitive_files_of(descriptor: Descriptor, manifest: Manifest, facts: PackageFacts) -> tuple[SensitiveFinding, ...]:
    """Return the sensitive files of a described package, whether or not it declares them."""
    return find_sensitive_files(manifest, facts.elf, descriptor.links, descriptor.store_path)


def _by_place(manifest: Manifest, path: str, inside: str) -> Iterator[SensitiveFinding]:
    """Yield the findings for a file or link at `path`, which is `inside` the package."""
    places = places_of(path)
    if path.startswith("lib") and _is_variant(manifest, path):
        places.append(Sensitivity.LIBRARY_VARIANT)
    if not places and path.startswith("lib") and _hides_module(manifest, path, inside):
        places.append(Sensitivity.PYTHON_MODULE)
    if resolve(manifest, inside) is None and is_above(path):
        places.append(Sensitivity.DIRECTORY_LINK)
    yield from (SensitiveFinding(path, why) for why in places)


def _is_variant(manifest: Manifest, path: str) -> bool:
    """Return whether a library is loaded in place of one that this package does not have in the base directory.

    A variant is not attributed to a library in another directory, not even to one in `lib64` for `lib`.
    """
    if _BEFORE_LIB.fullmatch(path):
        return True
    variant = _VARIANT.fullmatch(path)
    return variant is not None and resolve(manifest, "/".join(variant.groups())) is None


def _hides_module(manifest: Manifest, path: str, inside: str) -> bool:
    """Return whether a module is where the modules of another package are, and can take precedence over one of them.

    Python prefers a directory `json` or a library `json.so` to `json.py`, and compiled code to source. So only the
    package of a Python may have modules in its own directory, and no package compiled modules without their source.
    """
    standard = _STANDARD.fullmatch(path)
    if standard and (path.endswith(_MODULES) or resolve(manifest, inside) is None):
        return resolve(manifest, f"{standard[1]}/{_LANDMARK}") is None
    compiled = _COMPILED.fullmatch(path)
    return compiled is not None and resolve(manifest, f"{compiled[1]}{compiled[2]}.py") is None


def _by_loading(file: ElfFile, store: str) -> Iterator[SensitiveFinding]:
    """Yield what an ELF file makes the dynamic linker do."""
    if auditors := [auditor for auditor in file.facts.details.audit if auditor] if file.facts.details else []:
        yield SensitiveFinding(file.path, Sensitivity.AUDIT, " ".join(auditors))
    for entry in (*file.facts.rpath, *file.facts.runpath, *named_by_path(file)):
        if fault := _search_fault(entry, file.path, store):
            yield SensitiveFinding(file.path, Sensitivity.SEARCH_PATH, fault)


def _search_fault(entry: str, path: str, store: str) -> str:
    """Return what is wrong with a place where the file at `path` searches for a library; empty where nothing is.

    The place is an entry of RPATH or RUNPATH, or the path of a library.
    """
    if not entry:
        return "an empty entry is the current directory"
    if origin := _ORIGIN.match(entry):
        place = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry[origin.end() :].lstrip("/")))
        return f"{entry} leads out of the package" if place.split("/")[0] == ".." else ""
    if not entry.startswith("/"):
        return f"{entry} is looked for in the current directory"
    parts = posixpath.normpath(entry).strip("/").split("/")
    if parts[0] in _SHARED or parts[:2] == [STORE_ROOT, store]:
        return ""
    return f"{entry} lies outside /usr and the package's own directory"


def _hidden(text: str) -> str:
    """Return the first invisible character of `text`, by its number and name; empty where there is none."""
    if text.isascii() and text.isprintable():
        return ""
    for character in text:
        if not character.isprintable() or _BLANK.match(character):
            return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
    return ""


def _visible(text: str) -> str:
    """Escape invisible characters, as in a recipe's double quotes."""
    return "".join(character if not _hidden(character) else f"\\U{ord(character):08x}" for character in text)
