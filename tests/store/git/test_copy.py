"""A copy of a remote repository, fetched from a real git server; and what such a server may not do to it."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from farm.store.git.copy import GitCopy
from farm.store.git.program import GitError, GitLimits
from farm.store.git.remote import GitRemote, check_remote_url
from farm.store.git.trees import read_directory
from farm.store.http.address_guard import AddressGuard, ForbiddenAddressError
from tests.refusing import refuses
from tests.server.git.forge import TOKEN, GitForge, serving_forge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOPBACK = AddressGuard.of(["127.0.0.0/8"])
RECIPE = {"recipe.yaml": b"name: jq\n"}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[GitForge]:
    with serving_forge(tmp_path / "forge") as serving:
        yield serving


@pytest.fixture
def copy(tmp_path: Path) -> GitCopy:
    return GitCopy(tmp_path / "copy.git", LOOPBACK)


def test_commits_are_fetched_by_their_refs_and_read_as_objects(forge: GitForge, copy: GitCopy) -> None:
    head = forge.commit({"jq": RECIPE})
    forge.push("main", "main:topic/x")
    remote = GitRemote(forge.url)
    assert copy.branches(remote) == {"main": head, "topic/x": head}
    assert not copy.has(head)
    assert copy.fetch(remote, {"refs/heads/main": head}) == {"refs/heads/main": head}
    assert read_directory(copy.git, head, "recipes/packages/jq") == RECIPE
    asked = len(forge.requests)
    assert copy.fetch(remote, {"refs/heads/topic/x": head}) == {"refs/heads/topic/x": head}
    assert len(forge.requests) == asked, "a commit that is here is fetched again"


def test_a_ref_that_has_moved_is_returned_as_it_is(forge: GitForge, copy: GitCopy) -> None:
    wanted = "f" * 40
    assert copy.fetch(GitRemote(forge.url), {"refs/heads/main": wanted})["refs/heads/main"] != wanted


def test_the_token_is_sent_to_a_private_repository_and_is_in_no_file_and_no_argument(
    forge: GitForge, copy: GitCopy
) -> None:
    forge.private = True
    with pytest.raises(GitError, match="terminal prompts disabled"):
        copy.branches(GitRemote(forge.url))
    assert "main" in copy.branches(GitRemote(forge.url, TOKEN))
    assert TOKEN not in "".join(path.read_text() for path in copy.directory.rglob("*") if path.is_file())


def test_a_copy_that_has_become_too_large_is_made_anew(forge: GitForge, copy: GitCopy) -> None:
    head = forge.commit({"jq": RECIPE})
    forge.push("main")
    copy.fetch(GitRemote(forge.url), {"refs/heads/main": head})
    small = GitCopy(copy.directory, LOOPBACK, most_bytes=1)
    assert small.branches(GitRemote(forge.url)) == {"main": head}
    assert not small.has(head)


def test_a_copy_whose_pack_may_just_be_as_large_as_it_is_stays(forge: GitForge, copy: GitCopy) -> None:
    head = forge.commit({"jq": RECIPE})
    forge.push("main")
    copy.fetch(GitRemote(forge.url), {"refs/heads/main": head})
    (pack,) = packs(copy)
    exact = GitCopy(copy.directory, LOOPBACK, most_bytes=pack.stat().st_size)
    exact.branches(GitRemote(forge.url))
    assert exact.has(head)


def packs(copy: GitCopy) -> list[Path]:
    return list((copy.directory / "objects" / "pack").glob("*.pack"))


def test_many_packs_become_one_and_all_that_was_fetched_stays(forge: GitForge, copy: GitCopy) -> None:
    few, remote = GitCopy(copy.directory, LOOPBACK, most_packs=2), GitRemote(forge.url)
    heads = []
    for number in range(4):
        heads.append(forge.commit({"jq": {"recipe.yaml": b"name: jq\n# %d\n" % number}}))
        forge.push("-f", f"main:refs/heads/topic-{number}")
        few.fetch(remote, {f"refs/heads/topic-{number}": heads[-1]})
    assert len(packs(few)) == 4
    few.branches(remote)
    assert len(packs(few)) == 1
    assert few.is_sound()
    assert all(few.has(head) for head in heads)
    assert read_directory(few.git, heads[2], "recipes/packages/jq") == {"recipe.yaml": b"name: jq\n# 2\n"}
    asked = len(forge.requests)
    few.fetch(remote, {"refs/heads/topic-1": heads[1]})
    assert len(forge.requests) == asked, "it is fetched again"
    new = forge.commit({"jq": {"more": b""}})
    forge.push("main:refs/heads/topic-9")
    assert few.fetch(remote, {"refs/heads/topic-9": new}) == {"refs/heads/topic-9": new}


@pytest.mark.parametrize("token", ["", "a-wrong-one"])
def test_a_server_that_asks_who_it_is_gets_no_answer_from_a_person_or_a_program(
    forge: GitForge, copy: GitCopy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    forge.private = True
    program, asked = tmp_path / "ask", tmp_path / "asked"
    program.write_text(f"#!/bin/sh\ntouch {asked}\necho x\n")
    program.chmod(0o700)
    for name in ("GIT_ASKPASS", "SSH_ASKPASS"):
        monkeypatch.setenv(name, str(program))
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "1")
    remote = GitRemote(forge.url, token)
    for ask in (copy.branches, lambda remote: copy.fetch(remote, {"refs/heads/main": "f" * 40})):
        with pytest.raises(GitError) as caught:
            ask(remote)
        assert "farm git set NAME --token-file FILE" in caught.value.remedy
    assert not asked.exists()


READ = """
import sys
from pathlib import Path
from farm.store.git.copy import GitCopy
from farm.store.git.program import GitError
from farm.store.git.remote import GitRemote
from farm.store.http.address_guard import AddressGuard
try:
    GitCopy(Path(sys.argv[1]), AddressGuard.of(["127.0.0.0/8"])).branches(GitRemote(sys.argv[2]))
except GitError as error:
    print("refused:", error.message)
"""


def test_on_a_terminal_nobody_is_asked_for_a_password(forge: GitForge, tmp_path: Path) -> None:
    """Git asks on the terminal of its process, whatever its standard input is."""
    forge.private = True
    on_a_terminal = "import pty, sys; pty.spawn(sys.argv[1:])"
    read = (sys.executable, "-c", READ, str(tmp_path / "copy.git"), forge.url)
    done = subprocess.run(
        [sys.executable, "-c", on_a_terminal, *read],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.startswith(b"refused: could not read Username")


def test_a_pack_that_is_too_large_is_refused_and_leaves_nothing(forge: GitForge, copy: GitCopy) -> None:
    head = forge.commit({"jq": {**RECIPE, "huge": secrets.token_bytes(3 << 20)}})
    forge.push("main")
    bounded = GitCopy(copy.directory, LOOPBACK, GitLimits(file=1 << 20))
    with pytest.raises(GitError):
        bounded.fetch(GitRemote(forge.url), {"refs/heads/main": head})
    assert not bounded.has(head)
    assert sum(path.stat().st_size for path in copy.directory.rglob("*") if path.is_file()) < 1 << 20


def test_a_server_that_does_not_end_is_left(forge: GitForge, copy: GitCopy) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        bounded = GitCopy(copy.directory, LOOPBACK, GitLimits(seconds=1))
        with pytest.raises(GitError, match="it was not done after 1 s"):
            bounded.branches(GitRemote(f"http://127.0.0.1:{silent.getsockname()[1]}/a/b.git"))


@pytest.mark.parametrize(
    "url",
    ["ssh://git@example.org/a/b.git", "git@example.org:a/b.git", "git://example.org/a/b.git", "file:///etc/a/b.git",
     "/a/b", "http://example.org/a/b.git", "https://user:pass@example.org/a/b.git", "ext::sh -c id", "https://example.org/a/b?x",
     "-oProxyCommand=id", "--upload-pack=id", "https://example.org/a\n/b.git", "https:///a/b.git"],
)  # fmt: skip
def test_only_https_and_http_of_this_machine_are_addresses_of_repositories(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        check_remote_url(url)


@pytest.mark.parametrize("url", ["https://example.org/a/b.git", "http://127.0.0.1:8080/a/b.git", "http://[::1]/a/b"])
def test_addresses_of_repositories(url: str) -> None:
    check_remote_url(url)


@pytest.mark.parametrize("ref", ["refs/heads/a\nb", "refs/heads/a b", "--upload-pack=x", "refs/heads/a:refs/heads/main",
                                 "refs/tags/x", "HEAD", "refs/heads/*", "refs/heads/a\0b"])  # fmt: skip
def test_what_is_no_branch_and_no_pull_request_is_not_fetched(forge: GitForge, copy: GitCopy, ref: str) -> None:
    with refuses("git", "is no branch and no pull request"):
        copy.fetch(GitRemote(forge.url), {ref: "f" * 40})


def test_a_broken_copy_is_not_taken_for_a_part_of_a_repository_around_it(forge: GitForge, tmp_path: Path) -> None:
    head = forge.commit({"jq": RECIPE})
    inside = forge.tree / "farm" / "copy.git"
    inside.mkdir(parents=True)  # what a removal that was interrupted has left
    with pytest.raises(GitError, match="not a git repository"):
        GitCopy(inside, LOOPBACK).git("rev-parse", "--verify", head)


@pytest.mark.parametrize("commit", ["HEAD", "-x", "f" * 39, "main", f"{'f' * 40}\n", "../../etc"])
def test_only_commits_are_looked_for(forge: GitForge, copy: GitCopy, commit: str) -> None:
    with refuses("git", "is no commit"):
        copy.fetch(GitRemote(forge.url), {"refs/heads/main": commit})
