"""`farm git`: from the command line to a repository of a real git server, read as control reads it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from farm.server.git.status_delivery import deliver_statuses
from farm.server.git.sync import SyncSettings, sync_next
from farm.server.git.verdicts import show_verdicts
from farm.server.tables.states import Role
from farm.store.http.address_guard import AddressGuard
from tests.cli.shell import Shell, signed_in
from tests.cli.test_name_completion import completed
from tests.farms.stocked import StockedFarm
from tests.server.git.forge import TOKEN, GitForge, serving_forge
from tests.server.git.git_farm import ADDRESS, LIB, POLICY
from web.auth import Guards

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.fixture
def shell(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Shell]:
    stocked = StockedFarm.open(database, tmp_path, real_time=True)
    loopback = Guards(git=AddressGuard.of(["127.0.0.0/8"]))
    with signed_in(stocked, monkeypatch, "me", Role.ADMIN, address=ADDRESS, guards=loopback):
        yield Shell(stocked, capsys, tmp_path / "none")


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[GitForge]:
    with serving_forge(tmp_path / "forge") as forge:
        yield forge


@contextmanager
def control(shell: Shell, place: Path) -> Iterator[None]:
    """Read what is due again and again, as control does."""
    done, settings = threading.Event(), SyncSettings(place, ADDRESS, POLICY)

    def run() -> None:
        while not done.wait(0.05):
            sync_next(shell.stocked.application, settings)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def connect(shell: Shell, forge: GitForge, tmp_path: Path, *more: str) -> str:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    where = ("--api", forge.api, "--token-file", str(tmp_path / "token"))
    return shell.run("git", "connect", "main", forge.url, "--forge", "github", *where, *more)


def test_a_repository_is_connected_read_and_disconnected(shell: Shell, forge: GitForge, tmp_path: Path) -> None:
    said = connect(shell, forge, tmp_path)
    assert f"repository main: {forge.url} main\nwebhook {ADDRESS}/api/v1/git/main/webhook\nsecret " in said
    assert TOKEN not in said
    assert "not read yet" in shell.run("git", "list")
    assert completed("git", "show", "m") == completed("git", "preview", "") == ["main"]
    pull = forge.open_pull("topic", {"lib": LIB}, author="eve\x1b[1m", association="NONE")
    with control(shell, tmp_path / "git"):
        said = shell.run("git", "sync", "main", "--wait")
    assert "state read 20" in said
    assert "pull/1  " in said
    assert "eve\\x1b[1m" in said
    first = forge.head_of(pull)
    assert f"waits for a maintainer: farm git preview main 1 --commit {first}" in said
    said = shell.run("git", "preview", "main", "1", status=2)
    assert f"pull/1 by eve\\x1b[1m is at the commit {first}" in said
    assert "with --commit" in said
    assert shell.json("git", "show", "main")["changes"][0]["state"] == "unapproved"
    second = forge.update_pull(pull, {"lib": LIB | {"fix.patch": b""}})
    with control(shell, tmp_path / "git"):
        shell.run("git", "sync", "main", "--wait")
    assert f"pull/1 is at the commit {second} by now" in shell.run(
        "git", "preview", "main", "1", "--commit", first, status=1
    )
    assert shell.json("git", "show", "main")["changes"][0]["state"] == "unapproved"
    assert "pull/1 by eve" in shell.run("git", "preview", "main", "1", "--commit", second)
    assert "delayed" in shell.run("git", "show", "main")
    assert shell.json("git", "show", "main")["changes"][0]["state"] == "delayed"
    assert shell.json("git", "list")["repositories"][0]["with_token"] is True
    assert f"repository main is disconnected: {forge.url}\n" in shell.run("git", "disconnect", "main")
    assert "no repositories" in shell.run("git", "list")


def test_who_disconnects_reads_that_the_token_is_kept_for_the_last_statuses(
    shell: Shell, forge: GitForge, tmp_path: Path
) -> None:
    connect(shell, forge, tmp_path)
    forge.open_pull("topic", {"lib": LIB}, author="eve", association="NONE")
    for number in (1, 2):
        with control(shell, tmp_path / "git"):
            shell.run("git", "sync", "main", "--wait")
        show_verdicts(shell.stocked.application, ADDRESS)
        deliver_statuses(shell.stocked.application, POLICY)
        if number == 1:
            said = shell.run("git", "disconnect", "main")
            kept = "its token is kept until 1 last status is sent, an hour at most: if it has leaked, revoke it"
            assert kept in said
            connect(shell, forge, tmp_path)
    assert shell.json("git", "disconnect", "main")["last_statuses"] == 1
    assert forge.refused == []


def test_where_there_is_no_token_nothing_is_kept(shell: Shell, forge: GitForge, tmp_path: Path) -> None:
    connect(shell, forge, tmp_path)
    forge.open_pull("topic", {"lib": LIB}, author="eve", association="NONE")
    with control(shell, tmp_path / "git"):
        shell.run("git", "sync", "main", "--wait")
    show_verdicts(shell.stocked.application, ADDRESS)
    deliver_statuses(shell.stocked.application, POLICY)
    (tmp_path / "token").write_text("")
    shell.run("git", "set", "main", "--token-file", str(tmp_path / "token"))
    assert "token" not in shell.run("git", "disconnect", "main")


def test_a_connection_is_changed_and_only_a_new_secret_is_shown(shell: Shell, forge: GitForge, tmp_path: Path) -> None:
    connect(shell, forge, tmp_path, "--member", "ada")
    (tmp_path / "token").write_text("another\n")
    said = shell.run("git", "set", "main", "--token-file", str(tmp_path / "token"), "--member", "bob")
    assert "secret" not in said
    assert "another" not in said
    found = shell.json("git", "show", "main")["repository"]
    assert (found["members"], found["with_token"], found["branch"]) == (["bob"], True, "main")
    said = shell.run("git", "set", "main", "--new-secret", "--no-members", "--branch", "trunk")
    assert f"webhook {ADDRESS}/api/v1/git/main/webhook\nsecret " in said
    found = shell.json("git", "show", "main")["repository"]
    assert (found["members"], found["with_token"], found["branch"]) == ([], True, "trunk")
    (tmp_path / "token").write_text("")
    shell.run("git", "set", "main", "--token-file", str(tmp_path / "token"))
    assert shell.json("git", "show", "main")["repository"]["with_token"] is False


def test_what_is_wrong_with_a_repository_is_said_and_is_the_status(
    shell: Shell, forge: GitForge, tmp_path: Path
) -> None:
    connect(shell, forge, tmp_path, "--branch", "trunk")
    with control(shell, tmp_path / "git"):
        said = shell.run("git", "sync", "main", "--wait", status=1)
    assert "it has no branch trunk. Name one that it has: farm git set main --branch BRANCH." in said


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ("connect", "A", "https://example.org/a/b.git", "--forge", "github"),
            2,
            "'A' is no name of a repository: choose",
        ),
        (
            ("connect", "a", "ssh://git@example.org/a/b.git", "--forge", "github"),
            1,
            "a repository is read over https, also a public one",
        ),
        (("connect", "a", "http://example.org/a/b.git", "--forge", "github"), 1, "a repository is read over https"),
        (("connect", "a", "https://example.org/b.git", "--forge", "github"), 1, "is not OWNER/REPOSITORY"),
        (("connect", "a", "https://example.org/a/b.git"), 2, "--forge"),
        (
            ("connect", "a", "https://example.org/a/b.git", "--forge", "github", "--api", "http://example.org/api"),
            1,
            "the API of a forge is read over https",
        ),
        (
            ("connect", "a", "https://example.org/a/b.git", "--forge", "github", "--member", ""),
            2,
            "--member names an account in 1",
        ),
        (("set", "other"), 2, "name what is to be changed"),
        (("set", "other", "--member", "a", "--no-members"), 2, "exclude each other"),
        (("set", "other", "--new-secret"), 1, "no repository 'other' is connected"),
        (("set", "other", "--branch", ""), 2, "a branch has a name of 1 to 200 characters"),
        (("show", "other"), 1, "no repository 'other' is connected"),
        (("sync", "other"), 1, "no repository 'other' is connected"),
        (("preview", "other", "1"), 1, "no repository 'other' is connected"),
        (("preview", "other", "1", "--commit", "f" * 40), 1, "no repository 'other' is connected"),
        (("disconnect", "other"), 1, "no repository 'other' is connected"),
    ],
)
def test_what_cannot_be_is_said(shell: Shell, arguments: tuple[str, ...], status: int, said: str) -> None:
    assert said in shell.run("git", *arguments, status=status)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "the address of a repository has 1 to 1,000 characters"),
        ("x" * 1001, "the address of a repository has 1 to 1,000 characters"),
        ("git@github.com:a/b.git", "Write it as https://HOST/OWNER/REPOSITORY.git"),
        ("http://example.org/a/b.git", "Write it as https://HOST/OWNER/REPOSITORY.git"),
        ("https://me:secret@example.org/a/b.git", "a token is read from --token-file"),
        ("https://example.org/a/b.git#main", "has neither ? nor #"),
        ("https://example.org:99999/a/b.git", "Write it as https://HOST/OWNER/REPOSITORY.git"),
        ("https://exam ple.org/a/b.git", "Write it as https://HOST/OWNER/REPOSITORY.git"),
        ("https://10.1.2.3/a/b.git", "list private networks in FARM_ALLOWED_NETWORKS"),
    ],
)
def test_an_address_that_cannot_be_is_answered_with_how_one_is_written(shell: Shell, url: str, said: str) -> None:
    shown = shell.run("git", "connect", "a", url, "--forge", "github", status=1 if 0 < len(url) <= 1000 else 2)
    assert said in shown
    assert "secret@" not in shown


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--branch", ""), "a branch has a name of 1 to 200 characters, as main"),
        (("--branch", "b" * 201), "a branch has a name of 1 to 200 characters, as main"),
        (("--branch", "a b"), "'a b' is no name of a branch\n help: Name it as `git branch -r` does"),
        (("--branch", "refs/heads/main"), "without refs/heads/: main"),
        (("--path", "p" * 201), "--path has at most 200 characters"),
        (("--path", "../x"), "'../x' is no directory of a repository"),
        (("--path", "a\nb"), "is no directory of a repository"),
        (("--api", "x" * 1001), "--api has at most 1,000 characters"),
        (("--api", "https://h/api?x"), "https://HOST/api/v1 (of Forgejo)"),
        (("--member", "m" * 101), "--member names an account in 1 to 100 characters"),
    ],
)
def test_an_option_that_cannot_be_is_answered_with_what_to_change(
    shell: Shell, options: tuple[str, ...], said: str
) -> None:
    status = 2 if len(options[1]) > 200 or not options[1] or "m" * 101 in options else 1
    shown = shell.run(
        "git", "connect", "a", "https://example.org/a/b.git", "--forge", "github", *options, status=status
    )
    assert said in shown
    assert "tring should" not in shown


@pytest.mark.parametrize("content", [b"two words", b"one\ntwo", b"t" * 1001, b"\xff\xfe", "café".encode()])
@pytest.mark.parametrize("verb", [("connect", "a", "https://example.org/a/b.git", "--forge", "github"), ("set", "a")])
def test_a_file_with_more_than_a_token_is_refused_without_showing_it(
    shell: Shell, tmp_path: Path, verb: tuple[str, ...], content: bytes
) -> None:
    (tmp_path / "token").write_bytes(content)
    shown = shell.run("git", *verb, "--token-file", str(tmp_path / "token"), status=2)
    assert "the token file has more than a token in it: save only the token" in shown
    assert content.decode(errors="replace") not in shown


def test_an_empty_token_file_connects_nothing_and_a_byte_order_mark_is_no_token(shell: Shell, tmp_path: Path) -> None:
    address = ("connect", "a", "https://example.org/a/b.git", "--forge", "github", "--token-file")
    (tmp_path / "token").write_text(" \n")
    assert "has no token in it" in shell.run("git", *address, str(tmp_path / "token"), status=1)
    assert "no repositories" in shell.run("git", "list")
    (tmp_path / "token").write_bytes(b"\xef\xbb\xbftoken\r\n")
    shell.run("git", *address, str(tmp_path / "token"))


@pytest.mark.parametrize("name", ["", "a/b", "A", "-" * 2, "n" * 41])
@pytest.mark.parametrize("verb", [("show",), ("set", "--new-secret"), ("sync",), ("disconnect",)])
def test_what_can_be_no_name_is_answered_with_what_a_name_is(shell: Shell, verb: tuple[str, ...], name: str) -> None:
    shown = shell.run("git", *verb, "--", name, status=2)
    assert "is no name of a repository: choose 1 to 40 lower-case letters, digits and hyphens" in shown


@pytest.mark.parametrize("commit", ["", "abc", "main", "f" * 41])
def test_what_is_no_commit_is_answered_with_how_to_get_one(shell: Shell, commit: str) -> None:
    shown = shell.run("git", "preview", "main", "1", "--commit", commit, status=2)
    assert f"{commit!r} is no commit in full" in shown
    assert "40 or 64 hexadecimal digits, as `git rev-parse" in shown
