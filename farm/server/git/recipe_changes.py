"""The recipes that a commit changes, read from a copy of the repository; and who wrote each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.api.submission_wire import RECIPE_NAME
from farm.core.policy.curators import unambiguous_keys
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.errors import FarmError
from farm.server.curation.signed_orders import who_orders
from farm.server.submissions.owners import Ownership, ownership
from farm.store.git.commits import allowed_signers, commit_record, last_commits_of
from farm.store.git.trees import read_directory
from farm.trust.attestation.submission_statement import MOST_RECIPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farm.server.git.repositories import GitRepository
    from farm.server.transaction.unit_of_work import Application, UnitOfWork
    from farm.store.git.commits import CommitRecord
    from farm.store.git.copy import GitCopy

_MOST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class ChangedRecipes:
    """The recipes at a commit that differ from another one, each as the files of its directory by name; and commits.

    Recipes that the commit removes are not among them: a farm keeps what it has.
    """

    recipes: Mapping[str, Mapping[str, bytes]]
    commits: Mapping[str, CommitRecord]


def changed_recipes(
    application: Application, copy: GitCopy, repository: GitRepository, old: str, new: str
) -> ChangedRecipes:
    """Return the recipes that differ between two commits, as they are at `new`.

    Raises `GitError`, and the errors `unreadable-recipes`, `too-many-recipes`.
    """
    below = f"{repository.packages}/"
    paths = (path.removeprefix(below) for path in copy.changed_paths(old, new, repository.packages))
    names = sorted({path.partition("/")[0] for path in paths if "/" in path})
    kept = _with_recipe(copy, new, below, names)
    if wrong := next((name for name in kept if not re.fullmatch(RECIPE_NAME, name)), None):
        raise FarmError(
            f"{below}{wrong[:100]!r} is no directory of a recipe: recipes have names of a-z, 0-9, +, . and -",
            code="unreadable-recipes",
        )
    if len(kept) > MOST_RECIPES:
        raise FarmError(
            f"{len(kept):,} recipes differ, and a submission has at most {MOST_RECIPES:,}",
            remedy="Submit them in parts with `farm submit`, in the order of their needs.",
            code="too-many-recipes",
        )
    left = _MOST_BYTES
    recipes: dict[str, dict[str, bytes]] = {}
    for name in kept:
        recipes[name] = read_directory(copy.git, new, f"{below}{name}", most_bytes=left)
        left -= sum(map(len, recipes[name].values()))
    with application.reading() as unit:
        signers = allowed_signers(_people(unit))
    last = last_commits_of(copy, old, new, repository.packages, kept)
    read = {commit: commit_record(copy, commit, signers) for commit in dict.fromkeys(last.values())}
    return ChangedRecipes(recipes, {name: read[commit] for name, commit in last.items()})


def _people(unit: UnitOfWork) -> Mapping[str, str]:
    """Return the keys of the people who are known here: of `curators.yaml`, and who may give signed orders."""
    return {**(who_orders(unit.session) or {}), **unambiguous_keys((ownership(unit.session) or Ownership()).curators)}


def _with_recipe(copy: GitCopy, commit: str, below: str, names: Sequence[str]) -> list[str]:
    """Return those directories that have a recipe at a commit; all with a line feed in the name: git cannot say."""
    asked = [name for name in names if "\n" not in name]
    given = "".join(f"{commit}:{below}{name}/{RECIPE_FILE}\n" for name in asked).encode("utf-8", "surrogateescape")
    answers = copy.git("cat-file", "--batch-check=%(objecttype)", given=given).split(b"\n") if asked else []
    found = {name for name, answer in zip(asked, answers, strict=False) if answer == b"blob"}
    return [name for name in names if name in found or "\n" in name]
