"""The policy to be signed for a directory of recipes: its files, and the toolchains that this host has made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.build.recipe_directory import read_recipe_directory
from farm.cli.local_builds import prepare_toolchains
from farm.cli.settings import Settings
from farm.core.policy.tree import load_tree
from farm.trust.metadata.signed_policy import SignedPolicy, SignedToolchain, policy_of_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from farm.build.toolchain.toolchain import Toolchain


def signed_policy(recipes: Path, earlier: SignedPolicy | None) -> SignedPolicy:
    """Return the policy of a directory of recipes; missing toolchains are made on this host."""
    files = read_recipe_directory(recipes)
    made = prepare_toolchains(load_tree(files), Settings.from_environment())
    return policy_with(files, made, earlier)


def policy_with(files: dict[str, bytes], made: Iterable[Toolchain], earlier: SignedPolicy | None) -> SignedPolicy:
    """Return the policy of a directory's files with toolchains that exist. Raises `InvalidSignedPolicyError`."""
    toolchains = [
        SignedToolchain(toolchain.name, toolchain.tree, toolchain.lock.digest) for toolchain in made if toolchain.lock
    ]
    return policy_of_files(files, toolchains, earlier)
