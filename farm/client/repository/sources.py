"""The sources of a published package: fetched by the digests that its verified provenance and recipe name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.client.repository.catalogue import BrokenReleaseError
from farm.client.repository.download import DownloadError
from farm.core.files.problems import RecipeError
from farm.core.recipe.contents import RecipeContents
from farm.core.recipe.declared_sources import read_declared_sources, read_declared_toolchain
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage
    from farm.core.names.digest import Digest
    from farm.core.recipe.declared_sources import DeclaredSources

LARGEST_SOURCE = 8 << 30
"""The largest size of one source, in bytes: a release has only its digest, and a server that lies has to be stopped."""
_LARGEST_DOCUMENT = 16 << 20


@dataclass(frozen=True, slots=True)
class WrittenSources:
    """What was written: `files` is the number of files.

    `debian` are those sources that are Debian's binary packages, each with the files that Debian built it from;
    `missing` are those of these files that could not be fetched. `unread` is why the recipe cannot be read.
    """

    files: int
    debian: tuple[tuple[str, tuple[str, ...]], ...] = ()
    missing: tuple[str, ...] = ()
    unread: str = ""


def write_sources(catalogue: Catalogue, name: str, directory: Path, progress: Callable[[str], None]) -> WrittenSources:
    """Write everything that a package was made from below `directory`, each file verified.

    `sources/` has the files that the build started from, and the files from which Debian built the Debian packages
    among them; `recipe/` has the recipe and the files beside it, `plan.json` the whole plan with its steps. `progress`
    is called with the name of each file before it is fetched.

    Raises `occupied-directory`, `DownloadError`, `BrokenReleaseError` and what `Catalogue.checked` raises.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise FarmError(
            f"{directory} is not an empty directory", remedy="Name another with --output.", code="occupied-directory"
        )
    package, plan = catalogue.checked(name)
    contents = recipe_contents(package)
    wanted = {f"sources/{_plain(source.file)}": source.digest for source in plan.sources}
    wanted["recipe/recipe.yaml"] = contents.recipe
    wanted |= {f"recipe/{_plain(file)}": digest for file, digest in contents.files.items()}
    for path, digest in wanted.items():
        progress(path)
        package.downloads.ensure_within(digest, LARGEST_SOURCE, f"{path} of {name}")
        _write(catalogue, digest, directory / path)
    (directory / "plan.json").write_bytes(plan.to_json())
    try:
        declared = declared_sources(package, contents)
    except RecipeError as error:  # a recipe of a newer farm: the sources of the build are written nevertheless
        return WrittenSources(len(wanted), unread=error.message)
    missing = []
    for source in declared.carried:
        path = f"sources/{_plain(source.file)}"
        progress(path)
        try:
            package.downloads.ensure_within(source.digest, LARGEST_SOURCE, f"{path} of {name}")
        except DownloadError as error:
            if not error.is_lacking:
                raise
            missing.append(source.file)
        else:
            _write(catalogue, source.digest, directory / path)
    debs = [source.file for source in declared.sources if source.debian_package]
    debian = tuple((deb, tuple(source.file for source in declared.carried if deb in source.of)) for deb in debs)
    return WrittenSources(len(wanted) + len(declared.carried) - len(missing), debian, tuple(missing))


def declared_sources(package: VerifiedPackage, contents: RecipeContents) -> DeclaredSources:
    """Return the sources that the recipe of a package declares. Raises `DownloadError`, `RecipeError`."""
    what = f"recipe of {package.name}"
    text = read_named(package, contents.recipe, what)
    beside = {name: read_named(package, digest, what) for name, digest in contents.files.items()}
    return read_declared_sources(text, beside, file=f"the recipe of {package.name}")


def declared_toolchain(package: VerifiedPackage) -> str:
    """Return the name of the toolchain in the recipe of a package.

    Raises `DownloadError`, `InvalidContentsError`, `RecipeError`.
    """
    what = f"recipe of {package.name}"
    return read_declared_toolchain(read_named(package, recipe_contents(package).recipe, what), file=f"the {what}")


def recipe_contents(package: VerifiedPackage) -> RecipeContents:
    """Return the contents of a package's recipe. Raises `DownloadError`, `InvalidContentsError`."""
    return RecipeContents.from_json(read_named(package, package.entry.recipe, f"list of the recipe of {package.name}"))


def read_named(package: VerifiedPackage, digest: Digest, what: str) -> bytes:
    """Return the bytes of a small blob of which only the digest is signed. Raises `DownloadError`."""
    package.downloads.ensure_within(digest, _LARGEST_DOCUMENT, what)
    return package.downloads.store.read(digest)


def _plain(file: str) -> str:
    """Return a name that stays in its directory; raises `BrokenReleaseError` for any other."""
    if file in ("", ".", "..") or "/" in file or "\0" in file:
        raise BrokenReleaseError(f"a source is called {file[:200]!r}, which is not a valid file name")
    return file


def _write(catalogue: Catalogue, digest: Digest, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with catalogue.downloads.store.open(digest) as content, path.open("xb") as file:
        while piece := content.read(1 << 20):
            file.write(piece)
