"""Checks whether the members of a set get libraries with the interfaces that they were built against. Pure.

This decides what must be compared, and what follows from the answers; others decide who compares, and whose answers
count. A library that had another interface in the base already is not the fault of a change, and left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from farm.core.package.copyable import is_installed_header
from farm.core.plan.abi import AbiVerdict
from farm.core.recipe.recipe import Limits
from farm.core.sets.proof.abi import loads_touched, pair_libraries

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from farm.core.fileset.manifest import Manifest
    from farm.core.names.digest import Digest
    from farm.core.plan.plan import Plan
    from farm.core.sets.members.member import Member
    from farm.core.sets.proof.abi import BuildRoot, LibraryPair, LinkedFiles, Load, Pairing
    from farm.core.sets.proof.trial import TrialSet

TOOLCHAIN = "abi"
"""The name of the toolchain with the tools for comparing."""
COMPARISON_LIMITS = Limits(minutes=20, memory_mb=4096, output_mb=1, processes=64, log_mb=4)
_FEW_TYPES = re.compile(r"-g(?:gdb)?1")
_DEB = ".deb"


class Answer(Enum):
    """What is known about a pair of libraries: `OTHER` cannot replace each other, `UNJUDGED` cannot be compared."""

    SAME = auto()
    OTHER = auto()
    UNJUDGED = auto()
    UNKNOWN = auto()


ANSWERS: Mapping[AbiVerdict, Answer] = {
    AbiVerdict.COMPATIBLE: Answer.SAME,
    AbiVerdict.CHANGED: Answer.OTHER,
    AbiVerdict.NOT_JUDGED: Answer.OTHER,
    AbiVerdict.UNREADABLE: Answer.UNJUDGED,
}
"""The answer for each verdict, once enough testers agree on it."""


@dataclass(frozen=True, slots=True)
class ComparedInterfaces:
    """The result for the interfaces of a set.

    `broken` are libraries with another interface, with the dependents that did not have it in the base; for those in
    `undecided` this is not known. `before` are the pairs of the base that were looked up.
    """

    pairing: Pairing
    answers: Mapping[LibraryPair, Answer]
    broken: Mapping[LibraryPair, tuple[str, ...]]
    undecided: Mapping[LibraryPair, tuple[str, ...]]
    before: Collection[LibraryPair]


def compare_interfaces(
    trial: TrialSet,
    changes: Mapping[str, Member | None],
    files: LinkedFiles,
    root_of: Callable[[Member], BuildRoot],
    ask: Callable[[Collection[LibraryPair]], Mapping[LibraryPair, Answer]],
) -> ComparedInterfaces:
    """Check the interfaces that these changes affect, in the set as it is placed on `trial`.

    `root_of` returns what an own member was built with; `ask` returns what is known about pairs.
    """
    loads = list(loads_touched(trial, changes, trial.base, files))
    pairing = pair_libraries(loads, trial, root_of)
    answers = ask(pairing.pairs)
    other = {pair: users for pair, users in pairing.pairs.items() if answers[pair] is Answer.OTHER}
    if not other:
        return ComparedInterfaces(pairing, answers, {}, {}, ())
    before = _on_base(trial, [load for load in loads if _stands(load, other, trial)], root_of)
    known: dict[tuple[str, str], list[Answer]] = {}
    answers_before = ask(before)
    for pair, users in before.items():
        for name in users:
            known.setdefault((pair.soname, name), []).append(answers_before[pair])
    broken, undecided = {}, {}
    for pair, users in other.items():
        then = {name: known.get((pair.soname, name), []) for name in users}
        new = [name for name, was in then.items() if Answer.OTHER not in was]
        undecided[pair] = tuple(name for name in new if Answer.UNKNOWN in then[name])
        broken[pair] = tuple(name for name in new if Answer.UNKNOWN not in then[name])
    return ComparedInterfaces(pairing, answers, _filled(broken), _filled(undecided), tuple(before))


def _stands(load: Load, other: Mapping[LibraryPair, tuple[str, ...]], trial: TrialSet) -> bool:
    """Return whether a load of a library with another interface is of a dependent that the base has too."""
    name = load.dependent.name
    is_concerned = any(pair.soname == load.soname and name in users for pair, users in other.items())
    return is_concerned and trial.base.get(name) is trial.members.get(name)


def _on_base(
    trial: TrialSet, loads: Iterable[Load], root_of: Callable[[Member], BuildRoot]
) -> Mapping[LibraryPair, tuple[str, ...]]:
    placed = dict(trial.placed)
    trial.place({})
    try:
        return pair_libraries(loads, trial, root_of).pairs
    finally:
        trial.place(placed)


def _filled(found: Mapping[LibraryPair, tuple[str, ...]]) -> dict[LibraryPair, tuple[str, ...]]:
    return {pair: names for pair, names in found.items() if names}


@dataclass(frozen=True, slots=True)
class ComparedSide:
    """A library with what a comparison needs about it; `lacking` says why a result does not cover all of it."""

    library: str
    package: Member
    debug: Member
    headers: tuple[Member, ...]
    lacking: str = ""


def compared_side(
    path: str, package: Member, build: Sequence[Member], has_headers: Callable[[Member], bool]
) -> ComparedSide | str:
    """Return what a comparison needs about a library of a package, or why it cannot be compared.

    Debug data and headers are in packages of the same `build`, sorted by name.
    """
    details = next(facts for name, facts in package.facts.elf if name == path).details
    build_id = details.build_id if details else ""
    debug, producers = next(_debug_data(build, build_id), (None, ()))
    if debug is None:
        return f"{package.label} has no debug data for {path}"
    thin = f"parts of {path} in {package.label} were compiled with -g1, or in an unknown way, and may lack types"
    lacking = thin if any(map(_may_lack_types, producers)) else ""
    return ComparedSide(path, package, debug, tuple(filter(has_headers, build)), lacking)


def has_installed_headers(manifest: Manifest) -> bool:
    """Return whether a package has headers for building programs."""
    return any(is_installed_header(entry.path) for entry in manifest.entries)


def is_given(plan: Plan, debs: Mapping[str, Digest]) -> bool:
    """Return whether a plan makes a package only from Debian packages of a toolchain, its `debs`."""
    made_of = [(source.file.removesuffix(_DEB), source.digest) for source in plan.sources if source.file.endswith(_DEB)]
    return bool(made_of) and all(debs.get(name) == digest for name, digest in made_of)


def _debug_data(build: Iterable[Member], build_id: str) -> Iterator[tuple[Member, tuple[str, ...]]]:
    """Yield the packages with debug data of a file, and the producers that compilers name there.

    Without producers, there are no debug data.
    """
    for package in build:
        for file in package.facts.debug or ():
            if build_id and file.build_id == build_id and file.producers:
                yield package, file.producers


def _may_lack_types(producer: str) -> bool:
    """Return whether a compiler may have left out the parameters of functions: with `-g1`, or with unknown options."""
    if not producer.startswith("GNU ") or producer.startswith("GNU AS "):
        return False  # others leave out such functions, which are then not described
    options = [word for word in producer.split() if word.startswith("-")]
    return not options or any(_FEW_TYPES.fullmatch(option) for option in options)
