"""A copy of a remote repository: bare, fetched ref by ref within limits, and made anew when it has become too large."""

from __future__ import annotations

import re
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.store.git.program import GitError, GitLimits, run_closed_git
from farm.store.git.remote import reaching
from farm.store.http.address_guard import AddressGuard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from farm.store.git.remote import GitRemote
    from farm.store.git.trees import RunGit

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REF = re.compile(r"refs/(heads|pull)/[^\x00-\x20\x7f~^:?*\[\\]{1,200}")
_KEPT_AS = "refs/farm/"
_REMOVED = ".removed"
MOST_BYTES = 2 << 30
"""How large a copy may become, where no setting says otherwise."""
_LISTED = 8 << 20
_NONE = 1
"""The status of `git merge-base` where there is none."""


@dataclass(frozen=True, slots=True)
class GitCopy:
    """The copy in `directory`, which may be missing: it is made when something is fetched. One process uses it.

    `guard` says which addresses may be reached, and `most_bytes` how large its packs may become before it is made anew.
    Each fetch adds one; beyond `most_packs`, they become one. Indexes do not count: a pack within the limit stays.
    """

    directory: Path
    guard: AddressGuard = field(default_factory=AddressGuard)
    limits: GitLimits = field(default_factory=GitLimits)
    most_bytes: int = MOST_BYTES
    most_packs: int = 50

    def branches(self, remote: GitRemote) -> dict[str, str]:
        """Return the commits of a remote's branches by name; begins a reading. Raises `GitError`, `FarmError`.

        What interrupted ones have left is removed before, and a copy that has become too large is made anew. Never
        while it is read: what was fetched since `branches` stays.
        """
        self._begin()
        limits = GitLimits(self.limits.seconds, self.limits.cpu_seconds, self.limits.memory, _LISTED, _LISTED)
        settings = reaching(remote, self.guard)
        listed = run_closed_git(
            self.directory, "ls-remote", "--heads", "--", remote.url, limits=limits, settings=settings
        )
        return {ref.removeprefix("refs/heads/"): commit for commit, ref in _listed(listed)}

    def fetch(self, remote: GitRemote, wanted: Mapping[str, str]) -> dict[str, str]:
        """Fetch commits by the refs that they are at, unless they are here; return the commits that the refs were at.

        Raises `GitError`, `FarmError`.
        """
        self._make()
        new = {ref: commit for ref, commit in wanted.items() if not self.has(commit)}
        for ref in new:
            if not _REF.fullmatch(ref):
                raise FarmError(f"{ref[:100]!r} is no branch and no pull request", code="git")
        if new:
            # By commit, not by name: `topic` and `topic/a` may follow each other.
            specs = [f"+{ref}:{_KEPT_AS}{commit}" for ref, commit in new.items()]
            options = ("--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--quiet", "--no-auto-gc")
            settings = list(reaching(remote, self.guard))
            try:
                run_closed_git(
                    self.directory, "fetch", *options, "--", remote.url, *specs, limits=self.limits, settings=settings
                )
            finally:
                self._tidy()
        found = {ref: wanted[ref] for ref in wanted if ref not in new}
        return found | {ref: self._commit_at(f"{_KEPT_AS}{commit}") for ref, commit in new.items()}

    def has(self, commit: str) -> bool:
        """Return whether a commit is here."""
        if not _COMMIT.fullmatch(commit):
            raise FarmError(f"{commit[:100]!r} is no commit", code="git")
        try:
            self.git("cat-file", "-e", f"{commit}^{{commit}}")
        except GitError:
            return False
        return True

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the newest commit that two commits have in common; None if there is none."""
        try:
            return self.git("merge-base", one, other).decode().strip() or None
        except GitError as error:
            if error.status == _NONE:
                return None
            raise

    def changed_paths(self, old: str, new: str, below: str) -> list[str]:
        """Return the paths below a directory that differ between two commits."""
        options = ("-r", "-z", "--name-only", "--no-renames")
        listed = self.git("diff-tree", *options, old, new, "--", f"{below}/")
        return [path.decode("utf-8", "surrogateescape") for path in listed.split(b"\0") if path]

    @property
    def git(self) -> RunGit:
        """Runs git in the copy, which then reaches nothing."""
        return partial(run_closed_git, self.directory, limits=self.limits)

    def is_sound(self) -> bool:
        """Return whether all that the copy has is there; True also where git cannot say so in its time."""
        if not (self.directory / "HEAD").exists():
            return False
        try:
            self.git("fsck", "--connectivity-only", "--no-dangling", "--no-progress")
        except GitError as error:
            return error.status is None
        return True

    def remove(self) -> None:
        """Remove the copy: at once as a whole, so that nothing takes a part of it for a copy."""
        with suppress(FileNotFoundError):
            self.directory.rename(self._beside(f"{secrets.token_hex(8)}{_REMOVED}"))
        for left in self.directory.parent.glob(f"{self.directory.name}.*{_REMOVED}"):
            shutil.rmtree(left, ignore_errors=True)

    def _begin(self) -> None:
        if self._size() > self.most_bytes:
            self.remove()
        self._make()
        for place in self.directory.rglob("*.lock"):  # of a git that was killed: nobody else writes here now
            place.unlink(missing_ok=True)
        self._tidy()
        if len(self._packs()) > self.most_packs:
            with suppress(GitError):  # it is only slower; next time
                self.git("pack-refs", "--all")
                self.git("repack", "-a", "-d", "-q")

    def _make(self) -> None:
        if (self.directory / "HEAD").exists():
            return
        self.remove()  # a part of one
        fresh = self._beside("new")  # an interrupted one is not taken for a copy
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        run_closed_git(fresh, "init", "--quiet", "--bare", "--template=", ".", limits=self.limits)
        fresh.rename(self.directory)

    def _beside(self, ending: str) -> Path:
        return self.directory.with_name(f"{self.directory.name}.{ending}")

    def _commit_at(self, ref: str) -> str:
        return self.git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").decode().strip()

    def _size(self) -> int:
        return sum(path.stat().st_size for path in self._packs())

    def _tidy(self) -> None:
        """Remove what an interrupted fetch has left."""
        for path in self._in_packs("tmp_*"):
            path.unlink(missing_ok=True)

    def _packs(self) -> list[Path]:
        return self._in_packs("*.pack")

    def _in_packs(self, pattern: str) -> list[Path]:
        return list((self.directory / "objects" / "pack").glob(pattern))


def _listed(text: bytes) -> Iterator[tuple[str, str]]:
    for line in text.decode("utf-8", "replace").splitlines():
        commit, _, ref = line.partition("\t")
        if _COMMIT.fullmatch(commit) and _REF.fullmatch(ref):
            yield commit, ref
