"""Checking that an image holds the program that it is to run, from a package or the user's files."""

from __future__ import annotations

import difflib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from farm.core.files.problems import RecipeError, quoted
from farm.core.fileset.manifest import File
from farm.core.sets.composition.root_view import RootView
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from farm.client.image.package_set import ImagePart
    from farm.core.sets.composition.compose import Composition
    from farm.core.subscriber.image_file import AskedName
    from farm.oci.image_config import ImageConfig
    from farm.oci.own_files import OwnFiles

_MOST_NAMED = 10


def root_of(parts: Iterable[ImagePart], composition: Composition, own: OwnFiles | None) -> RootView:
    """Return the root of an image, for look-ups."""
    manifests = {part.descriptor.store_path: part.manifest for part in parts}
    return RootView(composition, manifests, own.manifest if own else None)


def check_command(config: ImageConfig, root: RootView, said: AskedName | None = None) -> None:
    """Check that a runtime finds the program: the first word of the entrypoint, else of the command.

    A name is searched in the directories of the image's PATH, a path from its working directory; a program in a volume
    is not checked, because the volume may bring it. Raises `no-such-command`, and `RecipeError` where an image file has
    `said` the word.
    """
    refusal = _refusal(config, root)
    if refusal and said:
        raise RecipeError([said.problem(*refusal)])
    if refusal:
        raise FarmError(refusal[0], remedy=refusal[1], code="no-such-command")


def check_directory(config: ImageConfig, root: RootView, said: AskedName) -> None:
    """Check that the working directory, as an image file has `said` it, is not a file of the image.

    A missing directory is made by the runtime. Raises `RecipeError`.
    """
    if isinstance(root.at(config.working_directory), File):
        what = f"the working directory {quoted(config.working_directory)} is a file in the image"
        raise RecipeError([said.problem(what, "Name a directory. One that does not exist is created.")])


def check_still_runs(config: ImageConfig, before: Callable[[], RootView], after: RootView) -> None:
    """Check that a changed image still holds the program that it runs, if it did before. Raises `no-such-command`."""
    refusal = _refusal(config, after)
    if refusal and not _refusal(config, before()):
        raise FarmError(
            f"this change breaks the command of the image: {refusal[0]}",
            remedy="Nothing was changed. Build the image again with another command, or update anyway with "
            "--override WHY.",
            code="no-such-command",
        )


def _refusal(config: ImageConfig, root: RootView) -> tuple[str, str] | None:
    """Return what is wrong with the word that is to be executed, and the remedy."""
    word = next(iter(config.entrypoint or config.command), "")
    places = list(_places(word, config))
    if not word or any(_in_a_volume(place, config) for place in places):
        return None
    found = {place: entry for place in places if (entry := root.at(place))}
    files = [place for place, entry in found.items() if isinstance(entry, File)]
    if any(isinstance(entry, File) and entry.executable for entry in found.values()):
        return None
    if files:
        remedy = f"If it is your own file, run `chmod +x {PurePosixPath(word).name}` in its directory."
        return f"{quoted(files[0])} is the command of the image, and is not executable", remedy
    if "/" not in word:
        return f"the image has no command {quoted(word)}", _remedy(word, config, root)
    if found:
        return f"the command of the image is a directory: {quoted(places[0])}", "Name a program in it."
    return f"the image has no {quoted(places[0])} to run", _remedy(word, config, root)


def _places(word: str, config: ImageConfig) -> Iterator[str]:
    if "/" in word:
        yield str(PurePosixPath("/", config.working_directory, word))
        return
    for directory in config.search_path.split(":"):
        if directory:
            yield str(PurePosixPath("/", directory, word))


def _in_a_volume(place: str, config: ImageConfig) -> bool:
    return any(PurePosixPath(place).is_relative_to(volume) for volume in config.volumes)


def _remedy(word: str, config: ImageConfig, root: RootView) -> str:
    folders = [str(PurePosixPath(word).parent)] if word.startswith("/") else []
    commands = {
        name: folder if folder in folders else ""
        for folder in (*config.search_path.split(":"), *folders)
        for name in (root.names_in(folder) if folder else ())
    }
    near = difflib.get_close_matches(PurePosixPath(word).name[:100], sorted(commands), n=3)
    if near:
        return f"Did you mean {' or '.join(str(PurePosixPath(commands[name], name)) for name in near)}?"
    if not commands:
        return "The packages of the image have no commands: add a package that has one, or files of your own."
    named = sorted(commands)[:_MOST_NAMED]
    more = f" and {len(commands) - len(named)} more" if len(commands) > len(named) else ""
    return f"Add the package or the files that contain it. Commands of the image are {', '.join(named)}{more}."
