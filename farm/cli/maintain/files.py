"""`farm files`: which file of a build is in which package, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.channel_choice import channel_options
from farm.cli.local_builds import local_builds
from farm.cli.maintain.build import verbose_option
from farm.cli.maintain.shell import standing
from farm.cli.name_completion import kept_names
from farm.cli.options import json_option
from farm.cli.output import say, tell_table
from farm.cli.recipes_option import recipes_option, scope_of
from farm.cli.settings import Settings
from farm.core.names.wording import human_size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from farm.cli.channel_choice import ChannelChoice
    from farm.core.package.layout import Rule, RuleKind

_WHY: Mapping[RuleKind, str] = {
    "license": "license texts stay with the main package",
    "debug": "debug data that was split off",
    "pattern": "outputs: ",
    "documentation": "documentation, by default",
    "rest": "no output names it",
    "link": "a link goes with ",
    "dropped": "dropped: no package needs it, or it is made on the host",
    "merged": "superfluous: /bin and /lib are links to /usr",
    "misplaced": "misplaced: ",
}


@click.command()
@click.argument("name", default="", metavar="[NAME]", shell_complete=kept_names)
@click.option("--provides", default="", metavar="FILE", help="List the packages built or fetched here that have FILE.")
@recipes_option
@channel_options
@verbose_option
@json_option
def files(name: str, provides: str, recipes: Path | None, choice: ChannelChoice, verbose: bool, as_json: bool) -> None:
    """List the files of the build of NAME: the package that each is in, why, and its size.

    Of a recipe that has not been built, lists what its kept build has installed so far. NAME can also be a kept build.
    With --provides, looks for a FILE in the newest builds of all packages that were built or fetched on this machine:
    by its name (`cmp`, `zlib.h`), its path in a package (`bin/cmp`), or a glob (`lib/*.so`).

    \b
    Examples:
      farm files jq
      farm files --provides cmp
    """
    from farm.build.local.files import files_of

    if bool(name) == bool(provides):
        raise click.UsageError("Name a build, or a file with --provides.")
    if provides:
        _tell_providers(provides, as_json=as_json)
        return
    with local_builds(recipes, scope_of(name), verbose=verbose, choice=choice) as (builds, _every):
        found = files_of(builds, name)
    if found.kept:
        say(f"{found.kept.name}: {standing(found.kept.build)}; this is what lies in /out", err=True)
    rows = [(file.place, found.package_of(file) or "-", human_size(file.size), why(file.rule)) for file in found.files]
    form = {
        "recipe": found.recipe,
        "kept": found.kept.name if found.kept else None,
        "files": [
            {
                "path": file.place,
                "package": found.package_of(file) or None,
                "bytes": file.size,
                "rule": file.rule.kind,
                "detail": file.rule.detail,
            }
            for file in found.files
        ],
    }
    tell_table(rows, ("FILE", "PACKAGE", "SIZE", "WHY"), form, nothing="nothing was installed", as_json=as_json)


def _tell_providers(wanted: str, *, as_json: bool) -> None:
    from farm.build.local_state import LocalState

    settings = Settings.from_environment()
    found = list(LocalState(settings.state, settings.host).providers_of(wanted))
    rows = [(package.name.short, f"{package.version}-{package.revision}", path) for package, path in found]
    form = [{"package": name, "version": version, "path": path} for name, version, path in rows]
    nothing = f"no package that was built or fetched here has {wanted}"
    tell_table(rows, ("PACKAGE", "VERSION", "FILE"), form, nothing=nothing, as_json=as_json)


def why(rule: Rule) -> str:
    """Return in words why a file is in its package, or in none."""
    return f"{_WHY[rule.kind]}{rule.detail}"
