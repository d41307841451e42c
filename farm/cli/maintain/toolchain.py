"""`farm toolchain`: the locked root directories that builds run in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.groups import VerbGroup
from farm.cli.local_builds import definition_of, prepare_toolchains
from farm.cli.options import json_option
from farm.cli.output import say, table, tell_result
from farm.cli.recipes_option import read_tree, recipes_option
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.policy.tree import RecipeTree


@click.group(cls=VerbGroup)
def toolchain() -> None:
    """Lock, make and list the toolchains of a tree of recipes."""


@toolchain.command("lock")
@click.argument("name")
@recipes_option
def lock(name: str, recipes: Path | None) -> None:
    """Lock the Debian packages of toolchain NAME to their present versions.

    Takes the versions of the signed sources of this machine, and writes toolchains/NAME.lock in the tree of recipes.
    Another lock gives other plans, so that everything is built again.

    \b
    Example:
      farm toolchain lock full
    """
    from farm.build.recipe_directory import read_recipe_directory
    from farm.build.toolchain.apt import Apt
    from farm.build.toolchain.lock import resolve_lock
    from farm.core.policy.tree import load_tree
    from farm.store.durable_file import replace_file

    settings = Settings.from_environment()
    files = read_recipe_directory(recipes or settings.recipes)
    # The present lock may be the problem.
    tree = load_tree({file: content for file, content in files.items() if file != f"toolchains/{name}.lock"})
    definition = definition_of(tree, name)
    apt = Apt.of_machine(settings.host / "toolchains" / "apt", definition.suite)
    apt.refresh(max_age=0)
    locked = resolve_lock(definition, apt)
    path = (recipes or settings.recipes) / "toolchains" / f"{name}.lock"
    replace_file(path, locked.to_text())
    say(f"{path}: {len(locked.debs)} packages")


@toolchain.command("prepare")
@click.argument("names", nargs=-1)
@recipes_option
def prepare(names: tuple[str, ...], recipes: Path | None) -> None:
    """Make the toolchains NAMES on this host, or all toolchains of the tree.

    Needs root, and about half a minute for each that is missing. When the mirror no longer has a locked package, the
    toolchain is locked again within its suite, for this host only, with a note.

    \b
    Example:
      farm toolchain prepare full
    """
    for made in prepare_toolchains(read_tree(recipes), Settings.from_environment(), names):
        say(f"{made.name:<8} {made.tree}")


@toolchain.command("show")
@click.argument("name")
@click.option("--commands", is_flag=True, help="List its commands instead; it must have been made on this host.")
@recipes_option
@json_option
def show(name: str, commands: bool, recipes: Path | None, as_json: bool) -> None:
    """List the Debian packages of toolchain NAME, or its commands.

    WHY is `named` for the packages that its definition names; the others come because these need them.

    \b
    Examples:
      farm toolchain show full
      farm toolchain show full --commands
    """
    from farm.build.toolchain.lock import lock_in_force

    tree, settings = read_tree(recipes), Settings.from_environment()
    definition = definition_of(tree, name)
    if commands:
        found = _commands(tree, name, settings)
        tell_result(found, found, as_json=as_json)
        return
    named = set(definition.packages)
    debs = lock_in_force(tree.lock_of(name), settings.host / "toolchains").debs
    rows = [(deb.name, deb.version, "named" if deb.name in named else "needed") for deb in debs]
    form = [{"name": deb, "version": version, "why": why} for deb, version, why in rows]
    tell_result(table(rows, ("PACKAGE", "VERSION", "WHY")), form, as_json=as_json)


def _commands(tree: RecipeTree, name: str, settings: Settings) -> list[str]:
    """Return the names of the files in the directories of commands, sorted. Raises the error `not-made`."""
    from farm.build.toolchain.toolchain import made_toolchain
    from farm.core.fileset.manifest import Manifest
    from farm.errors import FarmError
    from farm.store.blobs import BlobStore

    store, cache = BlobStore(settings.host / "blobs"), settings.host / "toolchains"
    made = made_toolchain(definition_of(tree, name), tree.lock_of(name), store, cache)
    if made is None:
        raise FarmError(
            f"the toolchain {name} has not been made on this host",
            remedy=f"Make it: `farm toolchain prepare {name}`.",
            code="not-made",
        )
    paths = (entry.path.rpartition("/") for entry in Manifest.from_json(store.read(made.tree)).entries)
    return sorted({file for directory, _, file in paths if directory in ("usr/bin", "usr/sbin")})


@toolchain.command("list")
@recipes_option
@json_option
def list_toolchains(recipes: Path | None, as_json: bool) -> None:
    """List the toolchains of a tree of recipes, with their locks.

    \b
    Example:
      farm toolchain list --json
    """
    from farm.build.toolchain.lock import lock_in_force

    tree, settings = read_tree(recipes), Settings.from_environment()
    found = []
    for name, definition in sorted(tree.toolchains.items()):
        locked = tree.locks.get(name)
        in_force = lock_in_force(locked, settings.host / "toolchains") if locked else None
        found.append(
            {
                "name": name,
                "suite": definition.suite,
                "packages": len(in_force.debs) if in_force else 0,
                "lock": in_force.digest if in_force else None,
                "relocked": in_force != locked,
            }
        )
    rows = [(str(e["name"]), str(e["suite"]), str(e["packages"]), str(e["lock"] or "not locked")) for e in found]
    tell_result(table(rows, ("NAME", "SUITE", "PACKAGES", "LOCK")), found, as_json=as_json)
