"""Who wrote the recipes of a submission from git: the commit of each, and its signature. For people to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from farm.server.tables.git_rows import RecipeCommitRow
from farm.server.tables.reading import Record, rows_with
from farm.server.transaction.text import truncate_text
from farm.store.git.commits import SignatureState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session

    from farm.store.git.commits import CommitRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeCommit(Record):
    """The commit that last changed a recipe, as its author and committer say who they are; `url` is the repository.

    `signer` is the person whose known key has signed it, and `key` the fingerprint of the key.
    """

    name: str
    url: str
    commit: str
    author: str
    author_email: str
    committer: str
    committer_email: str
    committed_at: datetime
    signature: SignatureState
    signer: str
    key: str


def record_commits(session: Session, number: int, url: str, commits: Mapping[str, CommitRecord | RecipeCommit]) -> None:
    """Record the commits of the recipes of a submission, which were read from the repository at `url`."""
    for name, found in commits.items():
        row = RecipeCommitRow(
            submission_id=number,
            name=name,
            url=url,
            commit=found.commit,
            author=truncate_text(found.author),
            author_email=truncate_text(found.author_email),
            committer=truncate_text(found.committer),
            committer_email=truncate_text(found.committer_email),
            committed_at=found.committed_at,
            signature=found.signature,
            signer=found.signer,
            key=found.key,
        )
        session.merge(row)
    session.flush()


def commits_of(session: Session, numbers: Iterable[int]) -> dict[int, dict[str, RecipeCommit]]:
    """Return the commits of the recipes of these submissions, by number and name; none of those not from git."""
    found: dict[int, dict[str, RecipeCommit]] = {}
    for row in rows_with(session, select(RecipeCommitRow), RecipeCommitRow.submission_id, numbers):
        found.setdefault(row.submission_id, {})[row.name] = RecipeCommit.of(row)
    return found


def commit_of(session: Session, number: int, name: str) -> RecipeCommit | None:
    """Return the commit of a recipe of a submission, if it came from git."""
    query = select(RecipeCommitRow).where(RecipeCommitRow.submission_id == number, RecipeCommitRow.name == name)
    return RecipeCommit.first(session, query)
