"""`farm patch NAME`: the edits in a kept build's sources become a patch beside the recipe, which names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.build.attempt.workspace import Workspace
from farm.build.kept.resuming import run_until, steps_that_unpack
from farm.build.kept.source_edits import make_patch
from farm.build.local.reports import BuildProgress
from farm.build.local_logs import UNPACK
from farm.core.names.digest import Digest
from farm.core.policy.tree import files_beside
from farm.core.recipe.declared_sources import read_declared_sources, recipe_file
from farm.core.recipe.recipe import Source
from farm.core.recipe.source_entry import with_source_file
from farm.errors import FarmError, in_words
from farm.store.durable_file import replace_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from farm.build.kept.kept_builds import KeptTree
    from farm.build.kept.source_edits import SourcePatch
    from farm.build.local.builds import LocalBuilds
    from farm.build.local.order_builder import OrderBuilder
    from farm.core.recipe.recipe import Recipe

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*\.(?:patch|diff)")
_DIFF_LINE = re.compile(r"\s*(?:---|\+\+\+|\*\*\*|@@|diff |Index:|Prereq:|[0-9,]+[acd][0-9,]+$)")


@dataclass(frozen=True, slots=True)
class PatchRequest:
    """What a person asks for: the patch's file name, its description, new files, and whether a file is replaced."""

    file: str
    message: str
    added: tuple[str, ...] = ()
    replace: bool = False

    def __post_init__(self) -> None:
        """Refuse what no patch can have. Raises the error `invalid-patch`."""
        if not _FILE_NAME.fullmatch(self.file):
            raise _invalid(f"{self.file!r} is no file name of a patch", "Name it as fix-build.patch, in plain letters.")
        for line in self.message.splitlines():
            if _DIFF_LINE.match(line):
                raise _invalid(f"the message has a line that begins like a diff: {line[:60]!r}", "Write it otherwise.")


@dataclass(frozen=True, slots=True)
class PatchedRecipe:
    """A patch that was written, and the recipe that names it."""

    tree: KeptTree
    patch: SourcePatch
    file: Path
    recipe: Path


def patch_recipe(
    builds: LocalBuilds, name: str, request: PatchRequest, *, root: Path, files: Mapping[str, bytes]
) -> PatchedRecipe:
    """Write a patch beside a recipe, and enter it in `source`; nothing is written if either cannot be.

    `root` is the directory of the tree of recipes, `files` its content. Raises the errors `no-kept-build`,
    `kept-build-outdated`, `patch-exists`, and as `make_patch`.
    """
    tree = builds.kept.find(name)
    if tree is None:
        raise FarmError(
            f"no build of {name} is kept, in which there could be edits",
            remedy=f"`farm shell {name}` opens one.",
            code="no-kept-build",
        )
    recipe = builds.recipe(tree.build.recipe)
    folder = f"packages/{recipe.name}"
    path, content = root / folder / request.file, files[recipe_file(recipe.name)]
    is_named = any(source.file == request.file for source in recipe.sources)
    _check_sources(tree, recipe, without=request.file if is_named else "")
    with tree.used():
        patch = _patch_of(builds.builder, tree, request.added)
    text = _header(request, recipe) + patch.text
    if path.exists() and path.read_bytes() != text and not request.replace:
        raise FarmError(f"{path} exists already", remedy="Name another file, or use --replace.", code="patch-exists")
    entered = content if is_named else with_source_file(content, request.file)
    changed = {recipe_file(recipe.name): entered, f"{folder}/{request.file}": text}
    beside = files_beside({**files, **changed}, recipe.name)
    sources = read_declared_sources(entered, beside, file=recipe_file(recipe.name)).sources
    _check_entered(sources, recipe, request.file, text)
    _write(root, files, changed)
    return PatchedRecipe(tree, patch, path, root / recipe_file(recipe.name))


def _check_sources(tree: KeptTree, recipe: Recipe, *, without: str) -> None:
    """Refuse a patch against other sources than those that the recipe has now."""
    kept = [(source.file, source.digest) for source in tree.build.order.plan.sources]
    if without and without in dict(kept):
        raise FarmError(
            f"{tree.name} was built with {without} already, so that its edits come on top of it",
            remedy="Name another file.",
            code="patch-exists",
        )
    digests = dict(kept)
    now = [
        (source.file, source.digest or digests.get(source.file)) for source in recipe.sources if source.file != without
    ]
    if now != kept:
        raise _other_sources(tree, recipe, dict(now), digests)


def _other_sources(
    tree: KeptTree, recipe: Recipe, now: Mapping[str, Digest | None], kept: Mapping[str, Digest]
) -> FarmError:
    files = [file for file in sorted(now.keys() | kept.keys()) if now.get(file) != kept.get(file)]
    which = f": {in_words(files)}" if files else ", in another order"
    anew = f"make the edits in these: `farm shell {recipe.name} --before 2`."
    job = tree.build.farm_job
    remedy = (
        f"Write the recipe as it was submitted for job {job}, whose sources {tree.name} has, and try again; or {anew}"
        if job
        else f"Build it anew, and {anew}"
    )
    return FarmError(
        f"{tree.name} was built from other sources than the recipe of {recipe.name} has now{which}",
        remedy=remedy,
        code="kept-build-outdated",
    )


def _patch_of(builder: OrderBuilder, tree: KeptTree, added: Sequence[str]) -> SourcePatch:
    order = tree.build.order
    progress = BuildProgress(order.plan.name.short, "unpacking")
    with builder.attempt() as attempt, builder.logged(progress, UNPACK) as log:
        workspace = Workspace.of_attempt(attempt, order.limits)
        run_until(
            order,
            steps_that_unpack(order.plan),
            builder.workshop_of(tree.build),
            attempt=attempt,
            workspace=workspace,
            log=log,
        )
        pristine = attempt.path / "workspace" / "build" / "src"
        return make_patch(pristine, tree.source_directory, when_kept=tree.sources, added=added)


def _header(request: PatchRequest, recipe: Recipe) -> bytes:
    subject, _, rest = (request.message or f"Changes to {recipe.name} {recipe.version}").strip().partition("\n")
    lines = [f"Subject: {subject.strip()}"]
    if rest.strip():
        lines += ["Description:", *(f" {line.rstrip()}".rstrip() for line in rest.strip("\n").splitlines())]
    return "\n".join([*lines, "", ""]).encode()


def _check_entered(sources: Sequence[Source], recipe: Recipe, file: str, text: bytes) -> None:
    """See that the edited recipe says exactly what it should. Raises the error `recipe-not-edited`."""
    wanted = [source for source in recipe.sources if source.file != file]
    patch = Source(file, Digest.of(text), unpack=False, patch=True)
    if sorted([*wanted, patch], key=lambda source: source.file) != sorted(sources, key=lambda source: source.file):
        raise FarmError(
            f"{file} cannot be entered in the recipe of {recipe.name} as it is written",
            remedy=f"Write its source as a list, and add `- file: {file}`.",
            code="recipe-not-edited",
        )


def _write(root: Path, before: Mapping[str, bytes], changed: Mapping[str, bytes]) -> None:
    """Write all files, or none. A process that is killed between them leaves a patch that the same call enters."""
    written = []
    try:
        for path, content in sorted(changed.items(), key=lambda item: item[0].endswith("recipe.yaml")):
            if before.get(path) != content:
                written.append(path)
                replace_file(root / path, content)
    except OSError:
        for path in written:
            if path in before:
                replace_file(root / path, before[path])
            else:
                (root / path).unlink(missing_ok=True)
        raise


def _invalid(message: str, remedy: str) -> FarmError:
    return FarmError(message, remedy=remedy, code="invalid-patch")
