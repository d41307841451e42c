"""Which packages of a set need a package, a library, a symbol or a command, and through what. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.core.names.form import Form
from farm.core.package.shebang import interpreter_capability
from farm.errors import FarmError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from farm.core.package.facts import PackageFacts
    from farm.core.sets.members.member import Member
    from farm.core.sets.members.package_set import PackageSet

_SONAME = re.compile(r"[^/:]+\.so(?:\.[0-9A-Za-z_.]+)?")
_KINDS = ("soname", "command", "interpreter", "package", "pkgconfig")


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked about: the capabilities, the packages that provide them, and the symbol of a library, if any."""

    asked: str
    capabilities: frozenset[str]
    providers: tuple[str, ...]
    symbol: str = ""


@dataclass(frozen=True, slots=True)
class Use(Form, record="use of a capability", keys={"capability": "needs"}):
    """One need of a package: the capability, and its files that need it (none where it was declared).

    `symbols` counts the symbols that its files import from a library.
    """

    capability: str
    files: tuple[str, ...] = ()
    symbols: int = 0

    def __str__(self) -> str:
        kind, _, name = self.capability.partition(":")
        need = name if kind in ("soname", "interpreter") else f"{kind} {name}"
        if not self.files:
            return f"{need}, as its recipe says"
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        count = "" if not self.symbols else f" ({self.symbols} symbol{'s' if self.symbols > 1 else ''})"
        return f"{need} by {self.files[0]}{more}{count}"


@dataclass(frozen=True, slots=True)
class Dependent:
    """A package that needs it: directly, with `uses`; or through another, which is at the end of `path`."""

    name: str
    label: str
    uses: tuple[Use, ...] = ()
    path: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "package": self.name,
            "label": self.label,
            "direct": bool(self.uses),
            "uses": [use.to_dict() for use in self.uses],
            "path": list(self.path),
        }


def understand(asked: str, packages: PackageSet, where: str) -> Query:
    """Return what a word means in a set: a package before a command. Raises `unknown-need`; `where` names the set."""
    kind, colon, name = asked.partition(":")
    if colon and _SONAME.fullmatch(kind):
        return _provided(asked, f"soname:{kind}", packages, where, symbol=name)
    if colon and kind in _KINDS and kind != "package":
        return _provided(asked, asked, packages, where)
    if _SONAME.fullmatch(asked) and asked not in packages.members:
        return _provided(asked, f"soname:{asked}", packages, where)
    named = name if colon and kind == "package" else asked
    if member := packages.members.get(named):
        return Query(asked, frozenset(member.provides), (member.name,))
    return _provided(asked, f"command:{named}", packages, where)


def who_needs(wanted: Query, packages: PackageSet, facts: Callable[[str], PackageFacts]) -> tuple[Dependent, ...]:
    """Return the dependents: first the direct ones, then those that need these, each by a shortest path.

    `facts` returns the facts of a member by its name; it is called only for direct dependents.
    """
    direct: dict[str, Dependent] = {}
    for name in _requirers(wanted.capabilities, wanted.providers, packages):
        uses = tuple(_uses(wanted, packages.members[name], facts(name)))
        if uses:
            direct[name] = Dependent(name, packages.members[name].label, uses)
    paths: dict[str, tuple[str, ...]] = {name: (name,) for name in direct}
    waiting = list(direct)
    for reached in waiting:  # grows while it is walked
        provides = frozenset(packages.members[reached].provides)
        for name in _requirers(provides, (reached,), packages):
            if name not in paths and name not in wanted.providers:
                paths[name] = (name, *paths[reached])
                waiting.append(name)
    indirect = (
        Dependent(name, packages.members[name].label, path=path) for name, path in paths.items() if name not in direct
    )
    return (
        *(direct[name] for name in sorted(direct)),
        *sorted(indirect, key=lambda package: (len(package.path), package.name)),
    )


def _requirers(capabilities: frozenset[str], providers: tuple[str, ...], packages: PackageSet) -> list[str]:
    """Return the members whose needs the providers meet, without the providers themselves."""
    found = {
        name
        for capability in capabilities
        for name in packages.capabilities.requirers(capability)
        if not packages.capabilities.providers(capability)
        or set(providers) & set(packages.capabilities.providers(capability))
    }
    return sorted(found - set(providers))


def _uses(wanted: Query, member: Member, facts: PackageFacts) -> Iterator[Use]:
    for capability in sorted(wanted.capabilities & set(member.requires)):
        kind, _, name = capability.partition(":")
        if kind == "soname":
            found = _linked(name, wanted.symbol, facts)
            if found or not wanted.symbol:
                yield Use(capability, tuple(found), len(set().union(*found.values())) if found else 0)
        elif not wanted.symbol:
            yield Use(capability, tuple(_run(capability, facts)))


def _linked(soname: str, symbol: str, facts: PackageFacts) -> dict[str, set[str]]:
    """Return the files that need a library, each with the symbols that it imports from the library."""
    found: dict[str, set[str]] = {}
    for path, file in facts.elf:
        if soname not in file.needed:
            continue
        # Without versions, no record says which library a symbol comes from.
        wanted = {(imported.name, imported.library) for imported in file.imports}
        wanted |= {(copy.name, copy.library) for copy in (file.details.copies if file.details else ())}
        taken = {name for name, library in wanted if library == soname}
        if symbol:
            taken = {name for name, library in wanted if library in (soname, "")} & {symbol}
        if taken or not symbol:
            found[path] = taken
    return found


def _run(capability: str, facts: PackageFacts) -> Iterator[str]:
    """Yield the files of a package that name an interpreter: scripts, and programs with a loader."""
    yield from (script.path for script in facts.scripts if script.interpreter == capability)
    if capability.startswith("interpreter:"):
        loader = capability.rpartition("/")[2]
        yield from (path for path, file in facts.elf if file.interpreter.rpartition("/")[2] == loader)


def _provided(asked: str, capability: str, packages: PackageSet, where: str, *, symbol: str = "") -> Query:
    providers = packages.capabilities.providers(capability)
    if not providers and not packages.capabilities.requirers(capability):
        known: Mapping[str, Member] = packages.members
        words = {provide.partition(":")[2] for member in known.values() for provide in member.provides}
        raise FarmError(
            f"nothing in {where} is or provides {asked[:100]!r}",
            remedy=did_you_mean(
                asked,
                {*known, *words},
                "Ask for a package, a command, a library (libz.so.1) or its symbol (libz.so.1:inflate).",
            ),
            code="unknown-need",
        )
    kind, _, name = capability.partition(":")
    # A command is needed by its name, or by the path in the first line of a script.
    also = {interpreter_capability(f"/usr/{top}/{name}") for top in ("bin", "sbin")} if kind == "command" else set()
    return Query(asked, frozenset({capability, *also}), providers, symbol)
