"""Which files of a package change how programs of others are loaded, or how people log in; and that they are declared.

Found from paths, links and ELF facts alone, whoever gives these: a build, the farm that takes a report of one, the
signer, and a subscriber ask the same functions. What the list leaves out, and why, is in
docs/decisions/sensitive-files-are-declared.md.
"""

from __future__ import annotations

import posixpath
import re
import unicodedata
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from farm.errors import FarmError, in_lines
from farm.fileset import STORE_ROOT, Directory, Link
from farm.names import SensitiveFile
from farm.package.origins import faults_of_origins
from farm.package.path_glob import matches
from farm.package.resolve import resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farm.fileset import Manifest
    from farm.names import PackageName
    from farm.package.descriptor import Descriptor
    from farm.package.facts import ElfFile, PackageFacts

_SHOWN = 20


class Sensitivity(Enum):
    """Why a file is sensitive: a word for programs, and what it does, for people."""

    LOADER = "loader", "every program is loaded as it says"
    LIBRARY_VARIANT = "library-variant", "it is loaded in place of another package's library"
    SEARCH_PATH = "search-path", "it makes the dynamic linker look for libraries in a place that others may write to"
    AUDIT = "audit", "it makes the dynamic linker load an auditor into the whole program (DT_AUDIT or DT_DEPAUDIT)"
    CONVERTER = "converter", "every program that converts text may load it (gconv)"
    PYTHON = "python", "every start of Python runs it"
    LOGIN = "login", "it says who may log in, or as whom"
    NAME_SERVICE = "name-service", "it says where users, groups and hosts are looked up"
    SHELL = "shell", "every login or shell runs it"
    SCHEDULE = "schedule", "what it names is run by the clock"
    DIRECTORY_LINK = "directory-link", "it is a link in place of a directory that holds such files"
    HIDDEN_NAME = "hidden-name", "its name, or what it leads to, holds characters that are not seen"

    def __init__(self, word: str, effect: str) -> None:
        self.word = word
        self.effect = effect


class SensitiveFinding(NamedTuple):
    """A sensitive file: its path in the package, why, and what more there is to say.

    Of a link that the package declares, `path` is where the same file would lie in the package (`etc/passwd`).
    """

    path: str
    why: Sensitivity
    detail: str = ""

    @property
    def pattern(self) -> str:
        """A glob for this file alone, which can be written in a recipe whatever characters the name has."""
        return "".join("?" if _hidden(each) or each in "*?[" else each for each in self.path)

    @property
    def name(self) -> str:
        """Its path, with what is not seen spelt out."""
        return _visible(self.path)

    @property
    def effect(self) -> str:
        """What it does, for people."""
        return f"{self.why.effect}{f': {_visible(self.detail)}' if self.detail else ''}"

    def __str__(self) -> str:
        return f"{self.name}: {self.effect}"


class UndeclaredFilesError(FarmError):
    """A package has sensitive files that its recipe does not declare; `findings` are all of them."""

    code = "undeclared-files"

    def __init__(self, package: PackageName, findings: Sequence[SensitiveFinding], *, remedy: str = "") -> None:
        super().__init__(
            f"{package} has {_counted(findings)} that it does not declare:{in_lines(findings, _SHOWN)}",
            remedy=remedy
            or "Remove what the package does not need in a step of the recipe. Declare what it needs, with the reason, "
            f"which subscribers see: sensitive-files: [{{path: {findings[0].pattern}, reason: …}}].",
        )
        self.findings = tuple(findings)


class UnusedDeclarationError(FarmError):
    """A package declares sensitive files that it does not have; `paths` are these."""

    code = "unused-declaration"

    def __init__(self, package: PackageName, paths: Sequence[str]) -> None:
        super().__init__(
            f"{package} declares sensitive files that it does not have: {', '.join(map(_visible, paths))}",
            remedy="Remove these from sensitive-files, or mend their paths: they are as in the package, etc/passwd for "
            "/etc/passwd and lib/… for /usr/lib/….",
        )
        self.paths = tuple(paths)


_LIB = r"lib(?:64)?"
# Directories of one machine's libraries, as Debian names them: x86_64-linux-gnu.
_TRIPLET = r"[^/]+-linux-[^/]+"
_LIBRARIES = rf"{_LIB}(?:/{_TRIPLET})?"
_PYTHON = rf"{_LIB}/(?:python|pypy)[^/]*"
_SITE = r"(?:site|dist)-packages"
_BELOW = r"(?:/.*)?"
_PLACES = {
    Sensitivity.LOADER: rf"etc/ld\.so\.[^/]+{_BELOW}|etc/ld-musl-[^/]+",
    Sensitivity.CONVERTER: rf"{_LIBRARIES}/gconv{_BELOW}",
    Sensitivity.PYTHON: rf"{_PYTHON}/{_SITE}/[^/]+\.pth"
    rf"|{_PYTHON}/(?:(?:{_SITE}|lib-dynload)/)?(?:site|user)customize(?:\.[^/]+|{_BELOW})"
    rf"|{_LIB}/python[^/]*\.zip|(?:bin|{_LIB})/[^/]*\._pth|(?:bin/)?pyvenv\.cfg",
    Sensitivity.LOGIN: r"etc/g?shadow-?|etc/(?:passwd|group|subuid|subgid)-?"
    r"|etc/(?:shells|securetty|nologin|login\.defs|pam\.conf|sudo\.conf|doas\.conf)"
    rf"|etc/sudoers[^/]*{_BELOW}|etc/(?:pam\.d|security){_BELOW}|{_LIBRARIES}/security{_BELOW}"
    rf"|etc/ssh/sshd_config[^/]*{_BELOW}",
    Sensitivity.NAME_SERVICE: r"etc/(?:nsswitch|host|resolv|gai)\.conf|etc/hosts",
    Sensitivity.SHELL: rf"etc/(?:profile|profile\.d|environment|environment\.d){_BELOW}"
    r"|etc/(?:bash\.bashrc|bashrc|csh\.cshrc|csh\.login|zshenv|zprofile|zshrc|zlogin)"
    r"|etc/zsh/(?:zshenv|zprofile|zshrc|zlogin)",
    Sensitivity.SCHEDULE: rf"etc/(?:crontab|anacrontab)|etc/cron\.[^/]+{_BELOW}",
}
_BY_PLACE = [(why, re.compile(pattern)) for why, pattern in _PLACES.items()]
# The loader looks there before it looks in lib: nothing that a proof says of lib holds then.
_BEFORE_LIB = re.compile(rf"{_LIB}/{_TRIPLET}/(?:glibc-hwcaps/(?:.*/)?)?[^/]+\.so(?:\.[^/]+)?")
_VARIANT = re.compile(rf"({_LIBRARIES})/glibc-hwcaps/(?:.*/)?([^/]+)")
# What all of these lie in: a link there that leads to a directory brings whatever is in that to such a place.
_ABOVE = re.compile(
    rf"usr|etc|etc/ssh|etc/zsh|{_LIBRARIES}|{_LIBRARIES}/glibc-hwcaps(?:/.*)?|bin"
    rf"|{_PYTHON}|{_PYTHON}/(?:{_SITE}|lib-dynload)"
)
# All of the above begins with one of these: most files of most packages are looked at no further.
_TOPS = ("usr", "etc", "lib", "bin", "pyvenv.cfg")

_ORIGIN = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})(?=/|\Z)")
_SHARED = ("usr", "lib", "lib64")
# Characters that show nothing and that Unicode nevertheless counts as letters or marks: fillers of Hangul and Khmer,
# the grapheme joiner, separators of Mongolian, selectors of variants.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef\u2800]")


def find_sensitive_files(
    manifest: Manifest, elf: Iterable[ElfFile], links: Sequence[tuple[str, str]], store: str
) -> tuple[SensitiveFinding, ...]:
    """Return the sensitive files of a package, sorted by path.

    `elf` are the facts of its programs and libraries, `links` the pairs of a path in the root and a path in the
    package that it declares, and `store` the name of its own directory under `/packages`.
    """
    found: set[SensitiveFinding] = set()
    for entry in manifest.entries:
        path = entry.path
        if hidden := _hidden(path) or (_hidden(entry.target) if isinstance(entry, Link) else ""):
            found.add(SensitiveFinding(path, Sensitivity.HIDDEN_NAME, hidden))
        if path.startswith(_TOPS) and not isinstance(entry, Directory):
            found.update(_by_place(manifest, path, path))
    for link, target in links:
        path = link.removeprefix("usr/")
        if hidden := _hidden(path):
            found.add(SensitiveFinding(path, Sensitivity.HIDDEN_NAME, hidden))
        found.update(_by_place(manifest, path, target))
    for file in elf:
        found.update(_by_loading(file, store))
        found.update(
            SensitiveFinding(file.path, Sensitivity.SEARCH_PATH, fault)
            for fault in faults_of_origins(file, manifest, links)
        )
    return tuple(sorted(found, key=lambda finding: (finding.path, finding.why.word, finding.detail)))


def declared_of(findings: Iterable[SensitiveFinding], declared: Sequence[SensitiveFile]) -> tuple[SensitiveFile, ...]:
    """Return what a descriptor says: each file that one of the globs of a recipe matches, with the first reason."""
    paths = sorted({finding.path for finding in findings})
    return tuple(
        SensitiveFile(path, reasons[0])
        for path in paths
        if (reasons := [each.reason for each in declared if matches(each.path, path)])
    )


def check_declared(
    package: PackageName, findings: Iterable[SensitiveFinding], declared: Iterable[SensitiveFile]
) -> None:
    """See that a descriptor declares all that was found, and nothing else: what is shown is what there is.

    Raises `UndeclaredFilesError`, `UnusedDeclarationError`.
    """
    findings, named = tuple(findings), {each.path for each in declared}
    if undeclared := [finding for finding in findings if finding.path not in named]:
        raise UndeclaredFilesError(package, undeclared)
    if unused := sorted(named - {finding.path for finding in findings}):
        raise UnusedDeclarationError(package, unused)


def sensitive_files_of(descriptor: Descriptor, manifest: Manifest, facts: PackageFacts) -> tuple[SensitiveFinding, ...]:
    """Return the sensitive files of a described package, whether or not it declares them."""
    return find_sensitive_files(manifest, facts.elf, descriptor.links, descriptor.store_path)


def _by_place(manifest: Manifest, path: str, inside: str) -> Iterator[SensitiveFinding]:
    """Give what is found of a file or link at `path`, which is `inside` the package."""
    for why, pattern in _BY_PLACE:
        if pattern.fullmatch(path):
            yield SensitiveFinding(path, why)
    own = (variant := _VARIANT.fullmatch(path)) and _is_own(manifest, *variant.groups())
    if _BEFORE_LIB.fullmatch(path) or (variant and not own):
        yield SensitiveFinding(path, Sensitivity.LIBRARY_VARIANT)
    if _ABOVE.fullmatch(path) and resolve(manifest, inside) is None:
        yield SensitiveFinding(path, Sensitivity.DIRECTORY_LINK)


def _is_own(manifest: Manifest, directory: str, soname: str) -> bool:
    """Say whether the package itself has the library whose variant it has."""
    return any(resolve(manifest, f"{place}/{soname}") for place in dict.fromkeys((directory, "lib", "lib64")))


def _by_loading(file: ElfFile, store: str) -> Iterator[SensitiveFinding]:
    """Give what the dynamic linker would do on the word of an ELF file."""
    if auditors := [each for each in file.facts.details.audit if each] if file.facts.details else []:
        yield SensitiveFinding(file.path, Sensitivity.AUDIT, " ".join(auditors))
    for entry in (*file.facts.rpath, *file.facts.runpath):
        if fault := _search_fault(entry, file.path, store):
            yield SensitiveFinding(file.path, Sensitivity.SEARCH_PATH, fault)


def _search_fault(entry: str, path: str, store: str) -> str:
    """Return what is wrong with an entry of RPATH or RUNPATH in the file at `path`; empty where nothing is."""
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
    """Return the first character of `text` that is not seen, by its number and name; empty where all are."""
    if text.isascii() and text.isprintable():
        return ""
    for character in text:
        if not character.isprintable() or _BLANK.match(character):
            return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
    return ""


def _visible(text: str) -> str:
    """Spell out what is not seen, as in a recipe's double quotes."""
    return "".join(each if not _hidden(each) else f"\\U{ord(each):08x}" for each in text)


def _counted(findings: Sequence[SensitiveFinding]) -> str:
    return "a sensitive file" if len(findings) == 1 else f"{len(findings)} sensitive files"
