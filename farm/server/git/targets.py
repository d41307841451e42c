"""What is to be previewed of a repository now: its open pull requests, and its branches that are none of these."""

from __future__ import annotations

from dataclasses import dataclass
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

    Whoever pushes a branch may write to the repository, so it is a member's. A branch at the commit of a pull request
    is not previewed twice.
    """
    found = [
        Target(f"{PULL}{pull.number}", f"refs/pull/{pull.number}/head", pull.commit, pull.author, pull.is_member)
        for pull in pulls
    ]
    shown = {target.commit for target in found} | {branches.get(branch)}
    found += [
        Target(f"{BRANCH}{name}", f"refs/heads/{name}", commit, "", is_member=True)
        for name, commit in sorted(branches.items())
        if name != branch and commit not in shown
    ]
    return found
