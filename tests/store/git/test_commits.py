"""Commits as git and ssh-keygen verify them: who wrote one, and whose known key has signed it."""

from __future__ import annotations

import base64
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from farm.store.git.commits import SignatureState, allowed_signers, commit_record, last_commits_of
from farm.store.git.copy import GitCopy

if TYPE_CHECKING:
    from pathlib import Path

ALICE, MALLORY = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PEOPLE = allowed_signers({"alice": ALICE.public_key().public_bytes_raw().hex()})


class Repository:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        done = subprocess.run(["git", *who, *arguments], cwd=self.place, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(self, path: str, key: Ed25519PrivateKey | None = None, *options: str) -> str:
        (self.place / path).parent.mkdir(parents=True, exist_ok=True)
        (self.place / path).write_text(path + str(key))
        self.git("add", path)
        signing = ["-c", "commit.gpgsign=false"]
        if key is not None:
            file = self.place.parent / "key"
            file.unlink(missing_ok=True)
            file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
            file.chmod(0o600)
            signing = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={file}", "-c", "commit.gpgsign=true"]
        self.git(*signing, "commit", "-q", "-m", "a change", *options)
        return self.git("rev-parse", "HEAD")

    @property
    def copy(self) -> GitCopy:
        return GitCopy(self.place / ".git")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    (tmp_path / "tree").mkdir()
    return Repository(tmp_path / "tree")


def test_a_key_is_written_as_ssh_keygen_writes_it() -> None:
    written = ALICE.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert written in PEOPLE


def test_who_wrote_a_commit_and_whose_key_has_signed_it(repository: Repository) -> None:
    commit = repository.commit("a", ALICE, "--author=Grace <grace@example.org>", "--date=2026-01-02T03:04:05Z")
    found = commit_record(repository.copy, commit, PEOPLE)
    assert (found.commit, found.author, found.author_email) == (commit, "Grace", "grace@example.org")
    assert (found.committer, found.committer_email) == ("Ada", "ada@example.org")
    assert (found.signature, found.signer) == (SignatureState.VERIFIED, "alice")
    key = repository.place.parent / "key"
    printed = subprocess.run(["ssh-keygen", "-lf", str(key)], check=True, capture_output=True, text=True)
    assert found.key in printed.stdout.split()
    assert datetime.now(UTC).timestamp() - found.committed_at.timestamp() < 60


def test_a_key_that_nobody_here_has_is_no_persons(repository: Repository) -> None:
    found = commit_record(repository.copy, repository.commit("a", MALLORY), PEOPLE)
    assert (found.signature, found.signer) == (SignatureState.UNKNOWN_KEY, "")
    assert found.key.startswith("SHA256:")


def test_a_commit_without_a_signature_says_so(repository: Repository) -> None:
    found = commit_record(repository.copy, repository.commit("a"), PEOPLE)
    assert (found.signature, found.signer, found.key) == (SignatureState.UNSIGNED, "", "")


def test_a_signature_of_another_commit_is_bad(repository: Repository) -> None:
    signed = repository.git("cat-file", "commit", repository.commit("a", ALICE))
    forged = signed.replace("a change", "another")
    written = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=repository.place, input=forged.encode(), check=True, capture_output=True,
    )  # fmt: skip
    found = commit_record(repository.copy, written.stdout.decode().strip(), PEOPLE)
    assert (found.signature, found.signer) == (SignatureState.BAD, "")


def test_a_signature_of_another_kind_is_not_verified_and_runs_nothing(repository: Repository) -> None:
    signed = repository.git("cat-file", "commit", repository.commit("a", ALICE))
    pgp = base64.b64encode(b"x" * 40).decode()
    start, end = signed.index("gpgsig "), signed.index(" -----END SSH SIGNATURE-----")
    block = f"gpgsig -----BEGIN PGP SIGNATURE-----\n \n {pgp}\n -----END PGP SIGNATURE-----"
    forged = signed[:start] + block + signed[end + len(" -----END SSH SIGNATURE-----") :]
    written = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=repository.place, input=forged.encode() + b"\n", check=True, capture_output=True,
    )  # fmt: skip
    found = commit_record(repository.copy, written.stdout.decode().strip(), PEOPLE)
    assert (found.signature, found.signer) == (SignatureState.UNCHECKED, "")


def test_the_commit_of_a_directory_is_the_last_that_changed_it_also_behind_a_merge(repository: Repository) -> None:
    old = repository.commit("packages/a/recipe.yaml")
    repository.git("checkout", "-q", "-b", "topic")
    wanted = repository.commit("packages/a/fix.patch")
    repository.git("checkout", "-q", "main")
    other = repository.commit("packages/b/recipe.yaml")
    repository.git("merge", "-q", "--no-ff", "-m", "merge", "topic")
    head = repository.commit("packages/ab/recipe.yaml")
    found = last_commits_of(repository.copy, old, head, "packages", ["a", "b", "ab"])
    assert found == {"a": wanted, "b": other, "ab": head}
    for name, commit in found.items():
        assert repository.git("log", "-1", "--format=%H", head, "--", f"packages/{name}/") == commit


def test_the_commit_of_a_directory_that_only_a_merge_has_changed_is_the_merge(repository: Repository) -> None:
    old = repository.commit("packages/a/recipe.yaml")
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit("x")
    repository.git("checkout", "-q", "main")
    repository.commit("y")
    repository.git("merge", "-q", "--no-ff", "--no-commit", "topic")
    evil = repository.commit("packages/b/recipe.yaml")
    assert last_commits_of(repository.copy, old, evil, "packages", ["b"]) == {"b": evil}


def test_no_name_of_a_file_passes_for_a_commit(repository: Repository) -> None:
    old = repository.commit("packages/a/recipe.yaml")
    wanted = repository.commit(f"packages/a/x\n/{old}")
    assert last_commits_of(repository.copy, old, wanted, "packages", ["a"]) == {"a": wanted}
