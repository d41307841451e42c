"""Who wrote a commit, and whether it is signed with a key that is known: as git and ssh-keygen verify it."""

from __future__ import annotations

import base64
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from farm.store.git.copy import GitCopy

_LONGEST = 200
_COMMIT = "//"  # no path begins so
_SSH_KIND = b"ssh-ed25519"
_FORMAT = "%x00".join(("%H", "%an", "%ae", "%cn", "%ce", "%ct", "%G?", "%GS", "%GF"))


class SignatureState(StrEnum):
    """What is known of a commit's signature."""

    VERIFIED = "verified"  # by the key of a person who is known
    UNKNOWN_KEY = "unknown-key"  # valid, by a key that nobody here has
    UNSIGNED = "unsigned"
    BAD = "bad"  # it is not of this commit
    UNCHECKED = "not-verified"  # of a kind that is not verified here: only SSH signatures are


_STATES = {"G": SignatureState.VERIFIED, "U": SignatureState.UNKNOWN_KEY, "N": SignatureState.UNSIGNED,
           "B": SignatureState.BAD}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """A commit as its author and its committer say who they are; `signer` and `key` are of its verified signature.

    The names are what the commit says, and prove nothing. `key` is a fingerprint, as ssh-keygen prints it.
    """

    commit: str
    author: str
    author_email: str
    committer: str
    committer_email: str
    committed_at: datetime
    signature: SignatureState
    signer: str
    key: str


def allowed_signers(people: Mapping[str, str]) -> str:
    """Return people's ed25519 keys (64 hexadecimal digits, by name) as ssh-keygen's file of allowed signers."""
    return "".join(f'"{name}" namespaces="git" ssh-ed25519 {_ssh_key(key)}\n' for name, key in sorted(people.items()))


def last_commits_of(copy: GitCopy, old: str, new: str, below: str, names: Collection[str]) -> dict[str, str]:
    """Return the newest commit that has changed something below each of these directories of the directory `below`.

    They differ between the two commits, so that commit is between them. Git is run once, and once more for each that
    only a merge has changed.
    """
    span, found = (f"{old}..{new}", "--", f"{below}/"), dict[str, str]()
    listed = copy.git("log", "--topo-order", "-z", f"--format={_COMMIT}%H", "--name-only", "--no-renames", *span)
    commit = ""
    for part in listed.decode("utf-8", "surrogateescape").split("\0"):
        if part.startswith(_COMMIT):
            commit = part.removeprefix(_COMMIT)
        else:
            path = part.removeprefix("\n")  # git separates the files of a commit from it so
            found.setdefault(path.removeprefix(f"{below}/").partition("/")[0], commit)
    return {name: found.get(name) or _last_commit_of(copy, new, f"{below}/{name}") for name in names}


def _last_commit_of(copy: GitCopy, commit: str, below: str) -> str:
    """Return the newest commit, from `commit` back, that has changed something below a directory."""
    found = copy.git("log", "-1", "--format=%H", commit, "--", f"{below}/").decode().strip()
    return found or commit


def commit_record(copy: GitCopy, commit: str, signers: str) -> CommitRecord:
    """Return who wrote a commit, and its signature verified with a file of allowed signers (its text)."""
    with tempfile.NamedTemporaryFile("w", suffix=".signers") as file:
        file.write(signers)
        file.flush()
        settings = [("gpg.ssh.allowedSignersFile", file.name)]
        text = copy.git("log", "-1", "--no-show-signature", f"--format={_FORMAT}", commit, settings=settings)
    fields = text.decode("utf-8", "replace").rstrip("\n").split("\0")
    name, author, email, committer, committer_email, at, state, signer, key = (field[:_LONGEST] for field in fields)
    signature = _STATES.get(state, SignatureState.UNCHECKED)
    if signature is SignatureState.UNSIGNED and _has_signature(copy, commit):
        signature = SignatureState.UNCHECKED  # git says so too where the program that verifies it fails
    return CommitRecord(
        commit=name,
        author=author,
        author_email=email,
        committer=committer,
        committer_email=committer_email,
        committed_at=_time(at),
        signature=signature,
        signer=signer if signature is SignatureState.VERIFIED else "",
        key=key,
    )


def _has_signature(copy: GitCopy, commit: str) -> bool:
    headers = copy.git("cat-file", "commit", commit).partition(b"\n\n")[0]
    return any(line.startswith(b"gpgsig") for line in headers.split(b"\n"))


def _time(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _ssh_key(key: str) -> str:
    parts = (_SSH_KIND, bytes.fromhex(key))
    return base64.b64encode(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).decode("ascii")
