"""Columns of git repositories: what is previewed and submitted by them, and by no one's leave but that of owners.

A submission from a repository is one like all others: where recipes have owners, the checker asks for their signatures.
Who wrote a commit, and who signed it, is shown to people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack.editing import Nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.attack.editing import Column

_READ = Nothing("where recipes are read, and which are previewed: what is released is checked like any submission")
_STATUS = Nothing("the status of a commit: no decision about a release reads it")
_SHOWN = Nothing("who wrote a recipe, for people to read: no decision about a release reads it")


def _all(columns: str, why: Nothing) -> dict[str, Column]:
    return dict.fromkeys(columns.split(), why)


COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "git_repository": _all(
        "name url branch path forge api project secret token previews members created_by created_at head refused due_at "
        "synced_at delivered_at retries not_before failures trouble",
        _READ,
    ),
    "git_delivery": _all("repository signature at", _READ),
    "git_change": _all(
        "repository name commit author state submission_id detail approved retry_at ended changed_at", _READ
    ),
    "commit_status": _all(
        "repository commit context state description target sent unsure attempts due_at trouble changed_at", _STATUS
    ),
    "recipe_commit": _all(
        "submission_id name url commit author author_email committer committer_email committed_at signature signer key",
        _SHOWN,
    ),
}
