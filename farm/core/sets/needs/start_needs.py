"""What an executable or library asks of what starts it: a loader that is one, and no newer processor than is told."""

from __future__ import annotations

import posixpath
from functools import lru_cache
from typing import TYPE_CHECKING

from farm.core.package.interpreter import interpreter_capability, interpreter_file
from farm.core.sets.findings.problem import NewerProcessor, NoLoader
from farm.core.sets.members.search_path import level_of, levels, system_places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farm.core.package.elf.facts import ElfFacts
    from farm.core.sets.members.member import Member

_COMMANDS = ("bin/", "sbin/")


def wanted_loaders(member: Member) -> Iterator[str]:
    """Give the keys of the commands of others that are to load executables of a member; mostly there are none."""
    for _, facts in member.facts.elf:
        if (path := _interpreter_file(facts)).startswith(_COMMANDS):
            yield f"loader:{posixpath.basename(path)}"


def offered_loaders(member: Member) -> Iterator[str]:
    """Give the keys of the commands that a member has."""
    return (f"loader:{command}" for command, _ in member.programs)


def prove_start(member: Member, providers: Callable[[str], tuple[Member, ...]]) -> Iterator[NoLoader | NewerProcessor]:
    """Give the files that nothing could start, or no processor of the platform; `providers` have a capability."""
    loaded = {facts.interpreter: path for path, facts in reversed(member.facts.elf) if _interpreter_file(facts)}
    for interpreter, path in loaded.items():
        if keeper := _keeper_of_no_loader(member, interpreter, providers):
            yield NoLoader(member.label, path, interpreter, keeper.label)
    particular = [(path, facts) for path, facts in member.facts.elf if facts.details and facts.details.processor]
    needed = {name for _, facts in member.facts.elf for name in facts.needed} if particular else set()
    for path, facts in particular:
        level = facts.details.processor if facts.details else ""
        if _is_loaded(path, facts, needed) and not _is_told(level, path, facts.machine):
            yield NewerProcessor(member.label, path, level)


def _keeper_of_no_loader(
    member: Member, interpreter: str, providers: Callable[[str], tuple[Member, ...]]
) -> Member | None:
    """Return who has a program or script as the loader that a member names: itself, or as a command another."""
    inside = _file_of(interpreter)
    others = providers(interpreter_capability(interpreter)) if inside.startswith(_COMMANDS) else ()
    return next((each for each in (member, *others) if _is_no_loader(each, inside)), None)


def _interpreter_file(facts: ElfFacts) -> str:
    """Return where in a package the loader would lie that an executable names; most name one that lies elsewhere."""
    return _file_of(facts.interpreter) if facts.interpreter else ""


@lru_cache(maxsize=256)
def _file_of(interpreter: str) -> str:
    return interpreter_file(interpreter_capability(interpreter))


def _is_no_loader(member: Member, path: str) -> bool:
    """Tell whether a program or a script lies at a path of a package; where facts do not say, it is not judged."""
    command = posixpath.basename(path) if path.startswith(_COMMANDS) else ""
    found = dict(member.programs).get(command, path) if command else path
    if any(script.path == found for script in member.facts.scripts):
        return True
    facts = next((facts for at, facts in member.facts.elf if at == found), None)
    return facts is not None and facts.details is not None and facts.is_program


def _is_loaded(path: str, facts: ElfFacts, needed: set[str]) -> bool:
    """Tell whether a file is loaded without anybody's having looked at the processor first, as for a plugin."""
    directory, name = posixpath.split(path)
    public = f"usr/{directory}" in {place.directory for place in system_places(name, facts.machine)}
    return (
        facts.is_program
        or public
        or bool(level_of(directory, facts.machine))
        or not needed.isdisjoint((name, facts.soname))
    )


def _is_told(level: str, path: str, machine: str) -> bool:
    """Tell whether the path of a file says that it is for such processors."""
    known = ("", *levels(machine))
    told = level_of(posixpath.dirname(path), machine)
    return told is None or (level in known and known.index(level) <= known.index(told))
