"""What executables and libraries need to start: a real loader, and no newer processor than their path says."""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import TYPE_CHECKING

from farm.core.package.shebang import interpreter_capability, interpreter_file
from farm.core.sets.findings.problem import NewerProcessor, NoLoader
from farm.core.sets.members.search_path import level_of, levels, system_places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.core.package.elf.facts import ElfFacts
    from farm.core.sets.members.member import Member

_COMMANDS = ("bin/", "sbin/")


def wanted_loaders(member: Member) -> Iterator[str]:
    """Yield the keys of the commands that executables of a member name as their loader; mostly there are none."""
    for _, facts in member.facts.elf:
        if (path := _interpreter_file(facts)).startswith(_COMMANDS):
            yield f"loader:{posixpath.basename(path)}"


def offered_loaders(member: Member) -> Iterator[str]:
    """Return the keys of the commands that a member has."""
    return (f"loader:{command}" for command, _ in member.programs)


def prove_start(member: Member, providers: Callable[[str], tuple[Member, ...]]) -> Iterator[NoLoader | NewerProcessor]:
    """Yield the files that cannot be started, or not on all processors; `providers` returns those of a capability."""
    loaded = {facts.interpreter: path for path, facts in reversed(member.facts.elf) if _interpreter_file(facts)}
    for interpreter, path in loaded.items():
        if keeper := _keeper_of_no_loader(member, interpreter, providers):
            yield NoLoader(member.label, path, interpreter, keeper.label)
    specific = [(path, facts) for path, facts in member.facts.elf if facts.details and facts.details.processor]
    needed = {name for _, facts in member.facts.elf for name in facts.needed} if specific else set()
    for path, facts in specific:
        level = facts.details.processor if facts.details else ""
        if _is_loaded(path, facts, needed) and not _is_declared(level, path, facts.machine):
            yield NewerProcessor(member.label, path, level)


def _keeper_of_no_loader(
    member: Member, interpreter: str, providers: Callable[[str], tuple[Member, ...]]
) -> Member | None:
    """Return the member, itself or another, with a program or script where a member expects a loader."""
    inside = _file_of(interpreter)
    others = providers(interpreter_capability(interpreter)) if inside.startswith(_COMMANDS) else ()
    return next((keeper for keeper in (member, *others) if _is_no_loader(keeper, inside)), None)


def _interpreter_file(facts: ElfFacts) -> str:
    """Return the path in a package of the loader that an executable names; empty if it is elsewhere, as mostly."""
    return _file_of(facts.interpreter) if facts.interpreter else ""


@lru_cache(maxsize=256)
def _file_of(interpreter: str) -> str:
    return interpreter_file(interpreter_capability(interpreter))


def _is_no_loader(member: Member, path: str) -> bool:
    """Return whether a program or a script is at a path of a package; in doubt, False."""
    command = posixpath.basename(path) if path.startswith(_COMMANDS) else ""
    found = dict(member.programs).get(command, path) if command else path
    if any(script.path == found for script in member.facts.scripts):
        return True
    facts = next((facts for at, facts in member.facts.elf if at == found), None)
    return facts is not None and facts.details is not None and facts.is_program


def _is_loaded(path: str, facts: ElfFacts, needed: set[str]) -> bool:
    """Return whether a file is loaded without a check of the processor, unlike a plugin."""
    directory, name = posixpath.split(path)
    public = f"usr/{directory}" in {place.directory for place in system_places(name, facts.machine)}
    return (
        facts.is_program
        or public
        or bool(level_of(directory, facts.machine))
        or not needed.isdisjoint((name, facts.soname))
    )


def _is_declared(level: str, path: str, machine: str) -> bool:
    """Return whether the path of a file says that it is for such processors."""
    known = ("", *levels(machine))
    declared = level_of(posixpath.dirname(path), machine)
    return declared is None or (level in known and known.index(level) <= known.index(declared))
