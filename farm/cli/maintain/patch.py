"""`farm patch`: make a patch of the edits in a kept build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from farm.cli.channel_choice import channel_options
from farm.cli.local_builds import local_builds
from farm.cli.name_completion import kept_names
from farm.cli.output import say
from farm.cli.recipes_option import recipes_option, scope_of
from farm.cli.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from farm.cli.channel_choice import ChannelChoice


@click.command()
@click.argument("name", shell_complete=kept_names)
@click.argument("file", default="", metavar="[FILE.patch]")
@click.option("-m", "--message", default="", help="What the patch does: a subject, and more lines if you like.")
@click.option("--add", "added", multiple=True, metavar="PATH", help="A new file below /build/src; may be repeated.")
@click.option("--replace", is_flag=True, help="Replace the file if it exists.")
@recipes_option
@channel_options
def patch(
    name: str,
    file: str,
    message: str,
    added: tuple[str, ...],
    replace: bool,
    recipes: Path | None,
    choice: ChannelChoice,
) -> None:
    """Make a patch of your edits in the kept build of NAME, beside the recipe, and enter it in the recipe's source.

    Compared are the files that the recipe's sources have: what the build itself has changed or made is left out. The
    default file name is NAME.patch. The next `farm build NAME` applies the patch.

    \b
    Example:
      farm patch jq fix-build.patch --message "Find oniguruma with pkg-config"
    """
    from farm.build.local.patch import PatchRequest, patch_recipe
    from farm.build.recipe_directory import read_readable_recipes

    root = recipes or Settings.from_environment().recipes
    request = PatchRequest(file or f"{name.partition('@')[0]}.patch", message, added, replace)
    with local_builds(root, scope_of(name), choice=choice) as (builds, _every):
        made = patch_recipe(builds, name, request, root=root, files=read_readable_recipes(root)[0])
    for changed in made.patch.files:
        say(f"  {changed}")
    for both in made.patch.changed_by_build:
        say(f"note: the build changes {both} too, and the patch has both changes", err=True)
    say(f"{made.file.relative_to(root)}: entered in {made.recipe.relative_to(root)}")
    say(f"`farm build {made.tree.build.recipe}` builds with it", err=True)
