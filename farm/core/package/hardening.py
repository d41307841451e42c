"""Finds files without the hardening of a modern distribution, by the headers and compiler options in a package's facts.

What facts do not record is not judged, and never treated as passed: code without debug data, the options of compilers
other than GCC, macros (`_FORTIFY_SOURCE` is in no option that GCC records), and control-flow protection, which the C
library's start files lack. A stack protector that left no trace proves nothing: there may be nothing to protect.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, get_args

from farm.core.names.declared import HardeningProperty
from farm.core.package.elf.details import BIND_NOW, EXECUTABLE, EXECUTABLE_STACK, PIE, RELRO, TEXT_RELOCATIONS
from farm.core.package.path_glob import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.core.names.declared import HardeningWaiver
    from farm.core.package.facts import ElfFile, PackageFacts

_OF_COMPILER: Mapping[HardeningProperty, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # Options that enable each property, and those that disable it again; the last one counts.
    "stack-protector": (
        ("-fstack-protector-strong", "-fstack-protector-all"),
        ("-fno-stack-protector", "-fstack-protector", "-fstack-protector-explicit"),
    ),
    "stack-clash-protection": (("-fstack-clash-protection",), ("-fno-stack-clash-protection",)),
}
_ALL: tuple[HardeningProperty, ...] = get_args(HardeningProperty)
_ASSEMBLED = "GNU AS "
_MOST_FILES = 5
_COMPILED_BY_GCC = ("GNU C", "GNU GIMPLE")  # C++ starts like the first; the second is code optimised at link time


@dataclass(frozen=True, slots=True)
class HardeningFinding:
    """A property that a file lacks, or that is not judged (`lacking` is false). `waived` is the recipe's reason."""

    path: str
    property: HardeningProperty
    lacking: bool
    waived: str = ""


def producers_by_build_id(debug: Iterable[PackageFacts]) -> dict[str, tuple[str, ...]]:
    """Return the producers for each file that has separate debug data, by its build-id."""
    found: dict[str, tuple[str, ...]] = {}
    for file in (file for facts in debug for file in facts.debug or () if file.build_id):
        found[file.build_id] = (*found.get(file.build_id, ()), *file.producers)
    return found


def hardening_findings(
    facts: PackageFacts, producers: Mapping[str, Sequence[str]], waivers: Sequence[HardeningWaiver] = ()
) -> tuple[HardeningFinding, ...]:
    """Return what the ELF files of a package lack, and what cannot be judged of them.

    `producers` are those of `producers_by_build_id` for all packages of the same build.
    """
    return tuple(
        HardeningFinding(file.path, name, lacking, _waived(file.path, name, waivers) if lacking else "")
        for file in facts.elf
        for name, lacking in _amiss(file, producers)
    )


def describe_lacking(findings: Iterable[HardeningFinding]) -> str:
    """Return the first files with their missing, unwaived properties; empty where no property is missing."""
    lacking = [finding for finding in findings if finding.lacking and not finding.waived]
    by_file = [
        (path, [finding.property for finding in group])
        for path, group in groupby(lacking, lambda finding: finding.path)
    ]
    lines = [f"{path} lacks {_listed(properties)}" for path, properties in by_file[:_MOST_FILES]]
    more = len(by_file) - _MOST_FILES
    if more > 0:
        lines.append(f"{more} more file{'s lack' if more > 1 else ' lacks'} something")
    return "; ".join(lines)


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _amiss(file: ElfFile, producers: Mapping[str, Sequence[str]]) -> Iterator[tuple[HardeningProperty, bool]]:
    """Yield each property that fails: true where it is lacking, false where it is unknown."""
    details = file.facts.details
    if details is None:
        yield from ((name, False) for name in _ALL)
        return
    is_static = details.kind in (EXECUTABLE, PIE) and not file.facts.interpreter and not file.facts.needed
    linked: Mapping[HardeningProperty, bool] = {
        "pie": details.kind != EXECUTABLE,
        "relro": RELRO in details.hardening,
        "bind-now": is_static or BIND_NOW in details.hardening,
        "non-executable-stack": EXECUTABLE_STACK not in details.hardening,
        "no-text-relocations": TEXT_RELOCATIONS not in details.hardening,
    }
    yield from ((name, True) for name, is_there in linked.items() if not is_there)
    # No option makes an assembler add protection: its command lines are no evidence.
    commands = (*details.producers, *producers.get(details.build_id, ()))
    compiled = [command for command in commands if not command.startswith(_ASSEMBLED)]
    for name in _OF_COMPILER:
        has_option = [_has_option(name, command) for command in compiled]
        if False in has_option:
            yield name, True
        elif not has_option or None in has_option:
            yield name, False


def _has_option(name: HardeningProperty, producer: str) -> bool | None:
    """Return whether a compiler's command line enables a property; None where that is unknown."""
    if not producer.startswith(_COMPILED_BY_GCC) or " -" not in producer:
        return None
    given, taken = _OF_COMPILER[name]
    last = next((option for option in reversed(producer.split()) if option in given or option in taken), "")
    return last in given


def _waived(path: str, name: HardeningProperty, waivers: Sequence[HardeningWaiver]) -> str:
    return next((waiver.reason for waiver in waivers if waiver.property == name and matches(waiver.files, path)), "")
