"""`farm list`: the packages of a root, and its generations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.options import json_option
from farm.cli.output import Line, say_json, say_lines, table, tell_result
from farm.cli.root_change import open_root
from farm.cli.set_lines import override_lines

if TYPE_CHECKING:
    from farm.client.root.generation import Generation
    from farm.core.sets.members.set_record import PackageChange, PlacedPackage


@click.command("list")
@click.option(
    "--root", required=True, type=click.Path(path_type=Path), help="A directory that farm has installed into."
)
@click.option("--generations", is_flag=True, help="List the states that are kept, with the changes of each.")
@json_option
def list_root(root: Path, generations: bool, as_json: bool) -> None:
    """List the packages of a root, with the release of each.

    \b
    Examples:
      farm list --root /srv/tools
      farm list --root /srv/tools --generations
    """
    place = open_root(root)
    current = place.installed()
    if generations:
        rows = _with_changes(place.generations())
        tell_result(_states(rows, current), [_state(*row, current) for row in rows], as_json=as_json)
    elif as_json:
        say_json({"root": str(place.path), **_listed(current)})
    else:
        say_lines([f"{root}: generation {current.number}, {current.releases}", "", *_packages(current)])
        say_lines(override_lines(current.set.packages))


def _listed(state: Generation) -> dict[str, Any]:
    return {
        "generation": state.number,
        "made": state.made,
        "why": state.why,
        "asked": list(state.set.asked),
        "releases": [release.to_dict() for release in state.set.releases],
        "packages": [
            {**package.to_dict(), "build": package.build, "asked": _is_asked(state, package)}
            for package in state.set.packages
        ],
    }


def _packages(state: Generation) -> list[Line]:
    numbers = {release.subscription: release.number for release in state.set.releases}
    rows = [
        (
            _called(state, package),
            package.full_version,
            "yes" if _is_asked(state, package) else "",
            f"{package.channel} {numbers.get(package.channel, '')}".strip() or "this host",
        )
        for package in state.set.packages
    ]
    return table(rows, ("PACKAGE", "VERSION", "ASKED FOR", "RELEASE"))


def _called(state: Generation, package: PlacedPackage) -> str:
    own = {release.distribution for release in state.set.releases}
    return package.name.short if own == {package.name.distribution} else str(package.name)


def _is_asked(state: Generation, package: PlacedPackage) -> bool:
    return bool({str(package.name), package.name.short} & set(state.set.asked))


def _with_changes(states: tuple[Generation, ...]) -> list[tuple[Generation, tuple[PackageChange, ...]]]:
    from farm.core.sets.members.set_record import changes

    before = (None, *states)
    return [(state, changes(old.set if old else None, state.set)) for old, state in zip(before, states, strict=False)]


def _state(state: Generation, changed: tuple[PackageChange, ...], current: Generation) -> dict[str, Any]:
    listed = {key: value for key, value in _listed(state).items() if key != "packages"}
    is_current = state.number == current.number
    return {**listed, "current": is_current, "changes": [change.to_dict() for change in changed]}


def _states(rows: list[tuple[Generation, tuple[PackageChange, ...]]], current: Generation) -> list[str]:
    lines = []
    for state, changed in rows:
        here = "  (current)" if state.number == current.number else ""
        made = f"{state.made[:16].replace('T', ' ')}  " if state.made else ""
        lines.append(f"{state.number}  {made}{state.why or state.releases}{here}")
        lines += [f"   {change!s}" for change in changed]
    return lines
