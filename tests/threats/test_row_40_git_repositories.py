"""Row 40: a hostile repository, forge or resolver. Git runs nothing of theirs, and reaches nothing but the forge."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from farm.server.git.change_previews import RETRY_UNREADABLE
from farm.server.git.sync import SyncSettings, sync_repository
from farm.server.tables.git_rows import ChangeState
from farm.store.git.copy import GitCopy
from farm.store.git.program import GitError
from farm.store.git.remote import GitRemote
from farm.store.http.address_guard import AddressGuard, ForbiddenAddressError
from tests.server.events.receiver import receiving
from tests.server.git.forge import serving_forge
from tests.server.git.git_farm import CHANGED, LIB, git_farm_of
from tests.server.git.test_previews_of_changes import due
from tests.server.pipeline.test_newest_tests import with_tests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database
    from tests.server.git.git_farm import GitFarm

LOOPBACK = AddressGuard.of(["127.0.0.0/8"])
sqlite = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture
def git_farm(database: Database, tmp_path: Path) -> Iterator[GitFarm]:
    with git_farm_of(database, tmp_path, "github") as made:
        yield made


def detail(farm: GitFarm) -> str:
    """Why the pull request was refused, after a look at it."""
    due(farm)
    farm.look()
    (change,) = farm.changes().values()
    assert (change.state, change.submission) == (ChangeState.REFUSED, None)
    return change.detail


def open_pull(farm: GitFarm) -> None:
    """Open a pull request with what is committed on the branch `evil`."""
    forge = farm.forge
    forge.git("checkout", "-q", "main")
    forge.git("branch", "-f", "evil")
    pull = forge.open_pull("topic", {})
    forge.push(f"evil-tree:refs/pull/{pull.number}/head")


def commit_tree(farm: GitFarm, *entries: tuple[str, str, str]) -> None:
    """Make a branch `evil-tree` whose tree is main's with these entries: mode, object and path."""
    forge, index = farm.forge, {"GIT_INDEX_FILE": str(farm.forge.root / "index")}
    forge.git("read-tree", "main", **index)
    for mode, name, path in entries:
        forge.git("update-index", "--add", "--cacheinfo", f"{mode},{name},{path}", **index)
    tree = forge.git("write-tree", **index)
    commit = forge.git("commit-tree", tree, "-p", "main", "-m", "evil")
    forge.git("branch", "-f", "evil-tree", commit)


def blob(farm: GitFarm, content: bytes) -> str:
    done = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=farm.forge.tree, input=content, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@sqlite
def test_a_link_in_a_recipe_is_refused(git_farm: GitFarm) -> None:
    commit_tree(git_farm, ("120000", blob(git_farm, b"/etc/passwd"), "recipes/packages/lib/secret"))
    open_pull(git_farm)
    assert "recipes/packages/lib/secret is not a regular file" in detail(git_farm)


@sqlite
def test_a_submodule_is_refused_and_nothing_of_it_fetched(git_farm: GitFarm) -> None:
    with receiving() as elsewhere:
        modules = f'[submodule "x"]\n path = recipes/packages/lib/x\n url = {elsewhere.url}\n'.encode()
        commit_tree(
            git_farm,
            ("160000", git_farm.forge.git("rev-parse", "main"), "recipes/packages/lib/x"),
            ("100644", blob(git_farm, modules), ".gitmodules"),
        )
        open_pull(git_farm)
        assert "recipes/packages/lib/x is not a regular file" in detail(git_farm)
        assert elsewhere.got == []


@sqlite
def test_a_file_that_is_too_large_is_refused(git_farm: GitFarm) -> None:
    commit_tree(git_farm, ("100644", blob(git_farm, b"x" * ((1 << 20) + 1)), "recipes/packages/lib/huge"))
    open_pull(git_farm)
    assert "recipes/packages/lib/huge is larger than 1 MiB" in detail(git_farm)


@sqlite
@pytest.mark.parametrize("name", ["Lib", "--output", "lib:x", "li*", "l\x1bib", "l\nib"])
def test_a_directory_with_another_name_than_a_recipe_has_is_refused(git_farm: GitFarm, name: str) -> None:
    commit_tree(git_farm, ("100644", blob(git_farm, LIB["recipe.yaml"]), f"recipes/packages/{name}/recipe.yaml"))
    open_pull(git_farm)
    assert "is no directory of a recipe" in detail(git_farm)


@sqlite
@pytest.mark.parametrize("path", [b"..", b".", b".git"])
def test_a_tree_that_leads_out_of_itself_is_not_fetched(git_farm: GitFarm, path: bytes) -> None:
    """Git's own program makes no such tree; it is written by hand."""
    forge = git_farm.forge
    entry = b"100644 " + path + b"\0" + bytes.fromhex(blob(git_farm, b"x"))
    done = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
        cwd=forge.tree, input=entry, capture_output=True, check=True,
    )  # fmt: skip
    commit = forge.git("commit-tree", done.stdout.decode().strip(), "-p", "main", "-m", "evil")
    forge.git("branch", "-f", "evil-tree", commit)
    open_pull(git_farm)
    said = detail(git_farm)
    assert "fsck" in said or "hasDot" in said
    assert not GitCopy(git_farm.settings.directory / "main.git").has(commit)


@sqlite
def test_a_pull_request_that_cannot_be_fetched_keeps_no_other_one_back(git_farm: GitFarm) -> None:
    bad = git_farm.forge.open_pull("bad", {"lib": CHANGED})
    git_farm.forge.git("update-ref", "-d", f"refs/pull/{bad.number}/head", place=git_farm.forge.bare)
    bad_commit = git_farm.forge.git("rev-parse", "bad")
    git_farm.forge.head_of = lambda pull: bad_commit if pull is bad else git_farm.forge.git("rev-parse", pull.branch)  # type: ignore[method-assign]
    git_farm.forge.open_pull("good", {"other": with_tests("other", "other-works")})
    due(git_farm)
    git_farm.look()
    assert git_farm.preview_of(2)
    change = git_farm.changes()["pull/1"]
    assert change.state is ChangeState.REFUSED
    assert change.detail.startswith("git: ")
    assert git_farm.repository().failures == 0, "somebody's pull request is taken for trouble of the repository"
    asked = len(git_farm.forge.requests)
    due(git_farm)
    git_farm.look()
    listing = [path for path in git_farm.forge.requests[asked:] if path.endswith("git-upload-pack")]
    assert len(listing) == 2, "more was asked of git than which refs there are"
    git_farm.farm.clock.passes(RETRY_UNREADABLE.total_seconds())
    git_farm.forge.push(f"{bad_commit}:refs/pull/{bad.number}/head")
    due(git_farm)
    git_farm.look()
    assert git_farm.preview_of(1)


def test_nothing_that_a_server_or_a_user_configures_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = tmp_path / "ran"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f"[core]\n hooksPath = {tmp_path}\n sshCommand = {script}\n fsmonitor = {script}\n"
        f'[credential]\n helper = {script}\n[filter "x"]\n smudge = {script}\n[gpg]\n program = {script}\n'
        f"[http]\n proxy = http://127.0.0.1:9\n[uploadpack]\n packObjectsHook = {script}\n"
    )
    for name, value in {"HOME": str(home), "GIT_SSH_COMMAND": str(script), "GIT_ASKPASS": str(script),
                        "GIT_PROXY_COMMAND": str(script), "GIT_EXEC_PATH": str(tmp_path), "GIT_DIR": str(home),
                        "http_proxy": "http://127.0.0.1:9", "GIT_TRACE": str(tmp_path / "trace")}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", os.environ["PATH"])
    with monkeypatch.context() as honest:
        for name in ("HOME", "GIT_DIR", "GIT_EXEC_PATH", "GIT_TRACE", "GIT_SSH_COMMAND", "GIT_ASKPASS"):
            honest.delenv(name)
        context = serving_forge(tmp_path / "forge")
        forge = context.__enter__()
        head = forge.commit({"lib": LIB | {".gitattributes": b"* filter=x\n"}})
        forge.push("main")
    try:
        copy = GitCopy(tmp_path / "copy.git", LOOPBACK)
        for hook in ("post-fetch", "reference-transaction", "post-checkout", "post-index-change"):
            (tmp_path / hook).symlink_to(script)
        copy.fetch(GitRemote(forge.url), {"refs/heads/main": head})
        assert copy.has(head)
        forge.private = True
        with pytest.raises(GitError):
            copy.branches(GitRemote(forge.url))
    finally:
        context.__exit__(None, None, None)
    assert not ran.exists()
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.1"])
def test_no_repository_of_the_farms_own_network_is_read(tmp_path: Path, host: str) -> None:
    with receiving() as inside, pytest.raises(ForbiddenAddressError):
        GitCopy(tmp_path / "copy.git").branches(GitRemote(f"http://{host}:{inside.port}/a/b.git"))
    assert inside.got == []


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "[fd00::1]", "[::ffff:10.0.0.1]"])
def test_no_private_address_is_connected_to(tmp_path: Path, host: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        GitCopy(tmp_path / "copy.git").branches(GitRemote(f"https://{host}/a/b.git"))


def test_a_name_is_resolved_once_and_git_connects_to_what_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: git does not ask a resolver, which would now say something else. (None knows this name.)"""
    asked: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> object:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        url, copy = (
            f"https://rebinding.example.org:{server.getsockname()[1]}/a/b.git",
            GitCopy(tmp_path / "c", LOOPBACK),
        )
        with ThreadPoolExecutor(1) as running:
            connected = running.submit(server.accept)
            fetching = running_git(copy, url)
            connected.result()[0].close()
            fetching.join()
    assert asked == ["rebinding.example.org"]


def running_git(copy: GitCopy, url: str) -> threading.Thread:
    """Ask a server, which will not answer."""

    def ask() -> None:
        with suppress(GitError):
            copy.branches(GitRemote(url))

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def test_a_redirect_of_a_git_server_leads_nowhere(tmp_path: Path) -> None:
    with receiving() as inside, serving_redirect(f"http://127.0.0.1:{inside.port}/") as url:
        with pytest.raises(GitError, match=r"redirect|302"):
            GitCopy(tmp_path / "copy.git", LOOPBACK).branches(GitRemote(url))
        assert inside.got == []


@contextmanager
def serving_redirect(target: str) -> Iterator[str]:
    """A server that sends git elsewhere."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{target}info/refs?service=git-upload-pack")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/a/b.git"
        finally:
            server.shutdown()
            thread.join()


@sqlite
def test_the_api_of_a_forge_is_not_looked_for_in_the_farms_own_network(git_farm: GitFarm) -> None:
    asked = len(git_farm.forge.requests)
    due(git_farm)
    assert sync_repository(git_farm.application, SyncSettings(git_farm.settings.directory, "https://x"), "main")
    assert "is refused" in git_farm.repository().trouble
    assert len(git_farm.forge.requests) == asked
