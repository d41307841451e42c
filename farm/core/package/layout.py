"""From the tree that a build installed under DESTDIR to its packages: which file goes where, or nowhere.

Decides by paths alone; reads and writes nothing.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.fileset.rules import parents, relative_target
from farm.core.names.root_places import HOMES
from farm.core.package.path_glob import matches
from farm.errors import FarmError, in_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.core.fileset.manifest import Entry
    from farm.core.names.declared import Output

MAIN = ""
"""The output that takes what no other takes; its package has the recipe's name."""
DEBUG = "debug"
"""The output of split debug data; debuggers find it by the build-ids of files."""
UNASKED = (DEBUG, "doc")
"""The outputs that a recipe gets without a declaration, where there are files for them."""
DOCUMENTATION = ("share/man", "share/doc", "share/info", "share/locale", "share/gtk-doc")

_STANDARD = {
    "man": ("/usr/share/man", "--mandir=/usr/share/man", "MANDIR"),
    "info": ("/usr/share/info", "--infodir=/usr/share/info", "INFODIR"),
    "doc": ("/usr/share/doc", "--docdir=/usr/share/doc/NAME", "DOCDIR"),
    "locale": ("/usr/share/locale", "--localedir=/usr/share/locale", "LOCALEDIR"),
    "etc": ("/etc", "--sysconfdir=/etc", "SYSCONFDIR"),
}
"""Where what old build files install to a directory of `/usr` belongs, by its name: the place, the option of configure
and the variable of makefiles for it."""
_MOST_LINES = 10
_AT_THE_ROOT = ("bin", "sbin", "lib", "etc")
_MOST_LINKS = 40  # MAXSYMLINKS of Linux
_MADE_AT_START = ("dev", "media", "mnt", "proc", "run", "sys", "tmp", "var")
_DROPPED = re.compile(
    r".*\.la|share/info/dir|(?:.*/)?(?:charset\.alias|mime\.cache|gschemas\.compiled)|(?:.*/)?__pycache__(?:/.*)?"
)


class Misplacement(NamedTuple):
    """A path under DESTDIR that cannot be in a package: why, and what a maintainer can do about it.

    `directory` is what is at fault, where that is a directory and all below it: `/usr/man`.
    """

    path: str
    why: str
    remedy: str
    directory: str = ""


RuleKind = Literal["license", "debug", "pattern", "documentation", "rest", "link", "dropped", "merged", "misplaced"]


class Rule(NamedTuple):
    """Why a file is in an output, or in none (`dropped`, `merged`, `misplaced`).

    `detail` is the pattern of the recipe, the target that a link goes with, or why it is misplaced.
    """

    kind: RuleKind
    detail: str = ""


class Placement(NamedTuple):
    """A file that a build installed: its place in a root, its size, the output that has it (None: none), and why."""

    place: str
    size: int
    output: str | None
    rule: Rule


class LayoutError(FarmError):
    """A build installed files that no package can hold; `problems` are all of them.

    The message has a line for each directory that is at fault, and at most ten lines.
    """

    code = "layout"

    def __init__(self, problems: tuple[Misplacement, ...]) -> None:
        groups: dict[str, list[Misplacement]] = {}
        for problem in problems:
            groups.setdefault(problem.directory or problem.path, []).append(problem)
        lines = [
            f"{group[0].path if len(group) == 1 else f'{place} ({len(group):,} files)'}: {group[0].why}"
            for place, group in groups.items()
        ]
        super().__init__(
            f"the build installed what no package can hold:{in_lines(lines, _MOST_LINES)}",
            remedy=" ".join(dict.fromkeys(problem.remedy for problem in problems)),
        )
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Layout:
    """One package to make: pairs of a path under DESTDIR and its entry, sorted by entry path."""

    files: tuple[tuple[str, Entry], ...]

    @property
    def manifest(self) -> Manifest:
        """The manifest of the package, parent directories included."""
        return Manifest.of(entry for _, entry in self.files)


def package_name(recipe: str, output: str) -> str:
    """Return the name of an output's package."""
    return f"{recipe}-{output}" if output != MAIN else recipe


def output_of(path: str, outputs: Sequence[Output]) -> str:
    """Return the name of the output that takes a package path (see `rule_of`)."""
    return rule_of(path, outputs)[0]


def rule_of(path: str, outputs: Sequence[Output]) -> tuple[str, Rule]:
    """Return the name of the output that takes a package path, and why: the first declared one, then `doc`.

    License texts always stay with the main one. What was split off for debuggers is `debug`, before all others: no
    pattern of a recipe means it.
    """
    if path.startswith("share/licenses/"):
        return MAIN, Rule("license")
    if path.startswith("lib/debug/"):
        return DEBUG, Rule("debug")
    for output in outputs:
        for pattern in output.paths:
            if matches(pattern, path):
                return output.name, Rule("pattern", pattern)
    is_declared = any(output.name == "doc" for output in outputs)
    if not is_declared and path.startswith(tuple(f"{top}/" for top in DOCUMENTATION)):
        return "doc", Rule("documentation")
    return MAIN, Rule("rest")


def explain_installed(installed: Manifest, outputs: Sequence[Output] = ()) -> tuple[Placement, ...]:
    """Return where each file of a tree under DESTDIR goes, and why, by path; as `lay_out`, but it refuses nothing."""
    found: list[Placement] = []
    placed: dict[str, tuple[str, Entry]] = {}
    for entry in installed.entries:
        if isinstance(entry, Directory):
            continue
        moved, size = _move(entry), entry.size if isinstance(entry, File) else 0
        if isinstance(moved, Misplacement):
            found.append(Placement(f"/{entry.path}", size, None, Rule("misplaced", moved.why)))
        elif moved is None:
            found.append(Placement(f"/{entry.path}", size, None, Rule("merged")))
        elif _DROPPED.fullmatch(moved.path):
            found.append(Placement(f"/{entry.path}", size, None, Rule("dropped")))
        else:
            placed[moved.path] = (entry.path, moved)
    found += [_placement(path, f"/{source}", placed, outputs) for path, (source, _) in placed.items()]
    return tuple(sorted(found))


def explain_packages(packages: Iterable[Manifest], outputs: Sequence[Output] = ()) -> tuple[Placement, ...]:
    """Return the files of all packages of one build by their places in a root, and why each is where it is."""
    entries = [entry for manifest in packages for entry in manifest.entries if not isinstance(entry, Directory)]
    placed: dict[str, tuple[str, Entry]] = {entry.path: (entry.path, entry) for entry in entries}
    tops = {path: "/" if path.startswith("etc/") else "/usr/" for path in placed}
    return tuple(sorted(_placement(path, f"{top}{path}", placed, outputs) for path, top in tops.items()))


def _placement(path: str, place: str, placed: Mapping[str, tuple[str, Entry]], outputs: Sequence[Output]) -> Placement:
    entry, end = placed[path][1], _end_of_links(path, placed)
    output, rule = rule_of(end, outputs)
    return Placement(
        place, entry.size if isinstance(entry, File) else 0, output, rule if end == path else Rule("link", end)
    )


def lay_out(installed: Manifest, outputs: Sequence[Output] = ()) -> dict[str, Layout]:
    """Return the layout of each output by its name, the main one ("") first; `outputs` are the declared ones.

    `installed` is the tree under DESTDIR as it was found, with `absolute_links` where it has any. `/usr/X`, `/X` and
    `/etc` become `X` and `etc` of the package; links are rewritten to lead inside it; empty directories and what the
    policy drops are left out. A declared output that stays empty is given, the main one too; an empty `doc` is not.
    Raises `LayoutError`, with every path at fault.
    """
    placed: dict[str, tuple[str, Entry]] = {}
    problems: list[Misplacement] = []
    for entry in installed.entries:
        moved = None if isinstance(entry, Directory) else _move(entry)
        if isinstance(moved, Misplacement):
            problems.append(moved)
        elif moved is not None and not _DROPPED.fullmatch(moved.path):
            source, _ = placed.setdefault(moved.path, (entry.path, moved))
            if source != entry.path:
                why = f"it is the same path as /{source} where / is merged with /usr"
                problems.append(Misplacement(f"/{entry.path}", why, "Install only one of the two."))
    problems += _below_files(placed)
    if problems:
        raise LayoutError(tuple(problems))

    files_of: dict[str, list[tuple[str, Entry]]] = {MAIN: [], **{output.name: [] for output in outputs}}
    for path in sorted(placed):
        files_of.setdefault(output_of(_end_of_links(path, placed), outputs), []).append(placed[path])
    return {name: Layout(tuple(files)) for name, files in files_of.items()}


def _move(entry: File | Link) -> File | Link | Misplacement | None:
    """Return the entry at its place in the package; None for a link that the merged root makes superfluous."""
    path = _package_path(entry.path)
    if path is None or (isinstance(entry, File) and "/" not in path):
        return _misplaced(entry.path)
    if isinstance(entry, File):
        return replace(entry, path=path)
    root_target = posixpath.normpath(posixpath.join("/", posixpath.dirname(entry.path), entry.target)).lstrip("/")
    target = _package_path(root_target)
    climbs = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.target)).startswith("../")
    if target is None or climbs:
        return Misplacement(
            f"/{entry.path}",
            f"this link leads to {entry.target}, which cannot be in the package",
            "Remove the link in a step, or let it lead to a file of the package.",
        )
    # `/bin/x -> /usr/bin/x` is one path where /bin is a link to /usr/bin.
    return None if target == path else Link(path, relative_target(path, target))


def _package_path(path: str) -> str | None:
    """Return the path in a package of a path of the root; None where no package has a place for it."""
    top, _, rest = path.partition("/")
    if top == "usr":
        return rest if rest.partition("/")[0] in HOMES else None
    return path if top in _AT_THE_ROOT else None


def _misplaced(path: str) -> Misplacement:
    parts = path.split("/")
    directory = "/" + "/".join(parts[: 2 if parts[0] == "usr" else 1])
    if parts[0] in _MADE_AT_START:
        why, remedy = f"{directory} is made when a container starts", "Remove it in a step of the recipe."
    elif directory == "/usr/local":
        why, remedy = "packages do not install to /usr/local", "Configure the build with --prefix=/usr."
    elif directory in ("/lib64", "/usr/lib64"):
        why, remedy = "libraries belong to /usr/lib", "Configure the build with --libdir=/usr/lib."
    else:
        why = f"{directory} is not a standard directory of a package"
        remedy = "Configure the build with --prefix=/usr and --sysconfdir=/etc, and install with DESTDIR=/out."
        if parts[0] == "usr" and len(parts) > 2 and parts[1] in _STANDARD:
            standard, option, variable = _STANDARD[parts[1]]
            why += f"; its standard place is {standard}"
            remedy = f"Configure the build with {option}, or set the variable of its makefile, such as {variable}."
        elif parts[0] == "usr" and len(parts) > 2:
            remedy = f"Install what is in {directory} to /usr/bin, or below /usr/lib, /usr/libexec or /usr/share."
    return Misplacement(f"/{path}", why, remedy, directory)


def _below_files(placed: Mapping[str, tuple[str, Entry]]) -> list[Misplacement]:
    """Return the paths below a file or link: `/usr/bin/x` and `/bin/x/y` conflict once / is merged with /usr."""
    return [
        Misplacement(
            f"/{source}",
            f"it lies below /{placed[above][0]}, which is not a directory, where / is merged with /usr",
            "Install only one of the two.",
        )
        for path, (source, _) in placed.items()
        for above in parents(path)
        if above in placed
    ]


def _end_of_links(path: str, placed: Mapping[str, tuple[str, Entry]]) -> str:
    """Return the path whose output an entry belongs to: a link goes with its target, or it would lead nowhere."""
    for _ in range(_MOST_LINKS):
        entry = placed[path][1]
        if not isinstance(entry, Link):
            break
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.target))
        if target not in placed:
            break
        path = target
    return path
