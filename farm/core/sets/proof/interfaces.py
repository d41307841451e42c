"""Whether the members of a set get libraries with the interfaces that they were built against. Pure.

What has to be compared is worked out here, and what follows from the answers; who compares, and whose word counts, is
for others to say. What had another interface in the base already is not the fault of a change, and left out.
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
"""The toolchain, by its name, whose tools compare."""
COMPARISON_LIMITS = Limits(minutes=20, memory_mb=4096, output_mb=1, processes=64, log_mb=4)
_FEW_TYPES = re.compile(r"-g(?:gdb)?1")
_DEB = ".deb"


class Answer(Enum):
    """What is known of a pair of libraries: `OTHER` lets nobody take one for the other, `UNJUDGED` nobody can tell."""

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
"""What a verdict says, once as many testers have come to it as have to agree."""


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What is to be said of the interfaces of a set.

    `broken` are libraries of another interface, each with the dependents that did not have that in the base; of those
    in `undecided` nobody knows how it was there. `before` are the pairs of the base that were asked about.
    """

    pairing: Pairing
    answers: Mapping[LibraryPair, Answer]
    broken: Mapping[LibraryPair, tuple[str, ...]]
    undecided: Mapping[LibraryPair, tuple[str, ...]]
    before: Collection[LibraryPair]


def look_at_interfaces(
    trial: TrialSet,
    changes: Mapping[str, Member | None],
    files: LinkedFiles,
    root_of: Callable[[Member], BuildRoot],
    ask: Callable[[Collection[LibraryPair]], Mapping[LibraryPair, Answer]],
) -> LookedAt:
    """Look at a set as it is placed on `trial`, because of what these changes touch.

    `root_of` gives what an own member was built with; `ask` says what is known of pairs.
    """
    loads = list(loads_touched(trial, changes, trial.base, files))
    pairing = pair_libraries(loads, trial, root_of)
    answers = ask(pairing.pairs)
    other = {pair: users for pair, users in pairing.pairs.items() if answers[pair] is Answer.OTHER}
    if not other:
        return LookedAt(pairing, answers, {}, {}, ())
    before = _on_base(trial, [load for load in loads if _stands(load, other, trial)], root_of)
    known: dict[tuple[str, str], list[Answer]] = {}
    said = ask(before)
    for pair, users in before.items():
        for name in users:
            known.setdefault((pair.soname, name), []).append(said[pair])
    broken, undecided = {}, {}
    for pair, users in other.items():
        then = {name: known.get((pair.soname, name), []) for name in users}
        new = [name for name, was in then.items() if Answer.OTHER not in was]
        undecided[pair] = tuple(name for name in new if Answer.UNKNOWN in then[name])
        broken[pair] = tuple(name for name in new if Answer.UNKNOWN not in then[name])
    return LookedAt(pairing, answers, _filled(broken), _filled(undecided), tuple(before))


def _stands(load: Load, other: Mapping[LibraryPair, tuple[str, ...]], trial: TrialSet) -> bool:
    """Say whether a load of a library of another interface is one of a dependent that the base has too."""
    name = load.dependent.name
    is_asked = any(pair.soname == load.soname and name in users for pair, users in other.items())
    return is_asked and trial.base.get(name) is trial.members.get(name)


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
    """A library with all that a comparison is told of it; `lacking` says why a result is not about the whole of it."""

    library: str
    package: Member
    debug: Member
    headers: tuple[Member, ...]
    lacking: str = ""


def compared_side(
    path: str, package: Member, build: Sequence[Member], has_headers: Callable[[Member], bool]
) -> ComparedSide | str:
    """Return what a comparison is told of a library of a package; or why there can be none.

    Debug data and headers are in packages of the same `build`, sorted by name.
    """
    details = next(facts for name, facts in package.facts.elf if name == path).details
    build_id = details.build_id if details else ""
    debug, producers = next(_debug_data(build, build_id), (None, ()))
    if debug is None:
        return f"{package.label} has no debug data for {path}"
    thin = f"parts of {path} in {package.label} were compiled with -g1, or nobody knows how, and may lack types"
    lacking = thin if any(map(_may_lack_types, producers)) else ""
    return ComparedSide(path, package, debug, tuple(filter(has_headers, build)), lacking)


def has_installed_headers(manifest: Manifest) -> bool:
    """Say whether a package has headers that programs are built with."""
    return any(is_installed_header(entry.path) for entry in manifest.entries)


def is_given(plan: Plan, debs: Mapping[str, Digest]) -> bool:
    """Say whether a plan makes a package of nothing but Debian packages of a toolchain, whose `debs` these are."""
    made_of = [(source.file.removesuffix(_DEB), source.digest) for source in plan.sources if source.file.endswith(_DEB)]
    return bool(made_of) and all(debs.get(name) == digest for name, digest in made_of)


def _debug_data(build: Iterable[Member], build_id: str) -> Iterator[tuple[Member, tuple[str, ...]]]:
    """Give the packages with debug data of a file, and what compilers say there.

    They say it in the debug data itself: where there is nothing said there are none.
    """
    for package in build:
        for file in package.facts.debug or ():
            if build_id and file.build_id == build_id and file.producers:
                yield package, file.producers


def _may_lack_types(producer: str) -> bool:
    """Say whether a compiler may have written functions without their parameters: `-g1`, or nobody knows what."""
    if not producer.startswith("GNU ") or producer.startswith("GNU AS "):
        return False  # others leave such functions out, and then they are not described
    options = [each for each in producer.split() if each.startswith("-")]
    return not options or any(_FEW_TYPES.fullmatch(option) for option in options)
