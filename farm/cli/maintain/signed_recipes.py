"""Shared by `farm submit` and `farm submission`: signing recipes with one's own key, and naming missing owners."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from farm.api.submission_wire import SubmissionWire, UnsignedWire
    from farm.cli.personal_key import OwnKey
    from farm.cli.settings import Settings
    from farm.core.names.digest import Digest


def sign_digests(digests: Mapping[str, Digest], distribution: str, own: OwnKey, *, withdrawn: bool = False) -> bytes:
    """Return an envelope in which the holder of a key signs recipes by their digests, or their withdrawal.

    Raises `KeyFileError`.
    """
    from farm.trust.attestation.dsse import sign_statement
    from farm.trust.attestation.submission_statement import SignedSubmission, submission_statement

    said = SignedSubmission(distribution, own.name, digests, datetime.now(UTC), withdrawn=withdrawn)
    return sign_statement(submission_statement(said), own.signer())


def digests_of(recipes: Mapping[str, Mapping[str, bytes]]) -> dict[str, Digest]:
    """Return the digests of recipes, each the files of its directory by name. Raises `RecipeError`."""
    from farm.core.recipe.declared_sources import digest_of_files, recipe_file

    return {name: digest_of_files(files, file=recipe_file(name)) for name, files in recipes.items()}


def distribution_of(settings: Settings, directories: Iterable[Path]) -> str:
    """Return the distribution that the tree of these directories names; else that of FARM_RECIPES.

    A signature for one distribution is not valid for another. Raises the error `unknown-distribution`, `RecipeError`.
    """
    # A recipe's path is TREE/packages/NAME.
    trees = [*(directory.resolve().parent.parent for directory in directories), settings.recipes]
    for tree in trees:
        if found := distribution_in(tree):
            return found
    raise FarmError(
        "the distribution to sign for is not known: there is no distribution.yaml in the tree of the recipes",
        remedy="Submit from a tree that has one, or name the tree in FARM_RECIPES.",
        code="unknown-distribution",
    )


def distribution_in(tree: Path) -> str:
    """Return the distribution that a tree of recipes names; empty if it names none."""
    from farm.core.policy.tree import DISTRIBUTION
    from farm.core.recipe.distributions import read_distribution

    try:
        text = (tree / DISTRIBUTION).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    return read_distribution(text, str(tree / DISTRIBUTION)).domain


def waiting_lines(taken: SubmissionWire) -> list[str]:
    """Return the owners that a submission waits for, one line for each recipe, and how they accept it."""
    lines = [f"{unsigned.recipe}: waits for {whom(unsigned)}" for unsigned in taken.waits_for]
    return [
        *lines,
        f"submission {taken.id} waits: one owner of each recipe signs with `farm submission accept {taken.id}`",
    ]


def whom(unsigned: UnsignedWire) -> str:
    """Return the owners of whom one has to sign."""
    return " or ".join(unsigned.owners)
