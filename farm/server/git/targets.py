"""What is to be previewed of a repository now: its open pull requests, and its branches that are none of these."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from farm.server.git.changes import BRANCH, PULL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from farm.server.git.forge import PullRequest


@dataclass(frozen=True, slots=True)
class Target:
    """A pull request or a branch, by its `name` as a change, the `ref` that git fetches, and the commit it is at."""

    name: str
    ref: str
    commit: str
    author: str
    is_member: bool

    @property
    def is_branch(self) -> bool:
        """Whether it is a branch."""
        return self.name.startswith(BRANCH)


def targets(pulls: Iterable[PullRequest], branches: Mapping[str, str], branch: str) -> list[Target]:
    """Return the targets of a repository whose recipes are on `branch`; `branches` are commits by name.

    Who pushes a branch may write to the repository, so it is a member's. Of several at one commit, only one is a
    target: a pull request rather than a branch, the lowest number; it is a member's if any of them is.
    """
    numbered = sorted(pulls, key=lambda pull: pull.number)
    named = [
        Target(f"{PULL}{pull.number}", f"refs/pull/{pull.number}/head", pull.commit, pull.author, pull.is_member)
        for pull in numbered
    ]
    others = {name: commit for name, commit in branches.items() if commit != branches.get(branch)}
    named += branch_targets(others)
    chosen: dict[str, Target] = {}
    for target in named:
        first = chosen.setdefault(target.commit, target)
        if target.is_member and not first.is_member:
            chosen[target.commit] = replace(first, is_member=True)
    return list(chosen.values())


def branch_targets(branches: Mapping[str, str]) -> list[Target]:
    """Return branches as targets, by name."""
    return [
        Target(f"{BRANCH}{name}", f"refs/heads/{name}", commit, "", is_member=True)
        for name, commit in sorted(branches.items())
    ]
