"""Giving each program's user its files, also in an older farm: with links in it, and killed at any instant."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.build.recipe_directory import read_recipe_directory
from farm.checker.reading.published_identities import PublishedRecord
from farm.cli.operate.farm_home import FarmHome
from farm.cli.operate.farm_users import FarmUsers, take_users
from farm.cli.operate.file_owners import bring_database, hand_over, hand_over_signing
from farm.cli.operate.founding import found
from farm.core.names.digest import Digest
from farm.core.policy.tree import load_tree
from farm.store.blobs import BlobStore
from farm.store.private_directory import own_state
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.refusing import refuses
from tests.threats.killed import exit_status, fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
RECIPES = Path(__file__).parents[3] / "recipes"
_CHANGES = frozenset({"os.chown", "os.chmod", "os.rename", "os.mkdir"})


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A farm's directory as the previous version left it: all owned by root, with the database next to the rest."""
    home = FarmHome(tmp_path_factory.mktemp("before") / "state", Path("/nowhere"), 8460)
    found(home, load_tree(read_recipe_directory(RECIPES)), RECIPES, (), 1, vary=False)
    home.sqlite.rename(home.root / "farm.db")
    for folder in (
        home.sqlite.parent,
        home.redis.parent,
        home.signer.parent,
        home.checker.parent,
        home.record,
        home.ledger,
    ):
        shutil.rmtree(folder)
    (home.run / "farm.json").write_text("{}")
    with closing(sqlite3.connect(home.root / "farm.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE trial (n INTEGER)")
        database.commit()
        shutil.copy(home.root / "farm.db-wal", home.root / "kept-wal")  # as a killed process leaves it
    (home.root / "kept-wal").rename(home.root / "farm.db-wal")
    (home.root / "logs").mkdir()
    (home.root / "logs" / "1.jsonl").write_text("{}\n")
    (home.root / "log").mkdir()
    BlobStore(home.root / "blobs").put_bytes(b"a blob")
    return home.root


@pytest.fixture
def home(founded: Path) -> Iterator[FarmHome]:
    """A copy of it, in a path that every user can reach."""
    place = Path(tempfile.mkdtemp(prefix="farm-users-"))
    place.chmod(0o755)
    shutil.copytree(founded, place / "state", symlinks=True)
    yield FarmHome(place / "state", place / "host", 8460)
    shutil.rmtree(place)


def give(home: FarmHome) -> FarmUsers:
    users = take_users(home, "")
    assert users
    hand_over(home, users)
    bring_database(home, users)
    hand_over_signing(home, users)
    return users


def listing(home: FarmHome, users: FarmUsers) -> dict[str, tuple[str, str, str]]:
    """Every path with the names of its owner and group."""
    owners = {0: "root"} | {user.uid: name for name, user in users.users.items()}
    groups = {0: "root"} | {user.gid: name for name, user in users.users.items()}
    groups |= {number: name for name, number in users.groups.items()}
    found = {}
    for path in sorted(home.root.rglob("*")):
        status = path.lstat()
        name = str(path.relative_to(home.root))
        if name.startswith(".users.json."):
            continue  # it was still being written
        found[name] = (owners[status.st_uid], groups[status.st_gid], f"{stat.S_IMODE(status.st_mode):o}")
    return found


def acting(users: FarmUsers, name: str, act: Callable[[], object]) -> bool:
    """Do something as the user of a service; return whether the kernel allowed it."""

    def child() -> int:
        user = users.users[name]
        os.setgroups(user.groups)
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
        try:
            act()
        except (PermissionError, sqlite3.OperationalError):
            return 1
        return 0

    status = exit_status(fork(child))
    assert status in (0, 1)
    return status == 0


def add_row(home: FarmHome) -> None:
    with closing(sqlite3.connect(home.sqlite)) as database, database:
        database.execute("INSERT INTO trial VALUES (1)")


def test_a_farm_of_before_changes_hands_and_goes_on(home: FarmHome) -> None:
    users = give(home)
    owners = listing(home, users)
    assert owners["keys/online/timestamp"] == ("signer", "signer", "600")
    assert owners["keys/offline"] == ("root", "root", "700")
    assert owners["keys/admin.token"] == ("root", "root", "600")
    assert owners["public/metadata"] == ("root", "signer", "2775")
    assert owners["public/blobs/sha256"] == ("root", "control", "2755")
    assert owners["public/blobs/sha256/00"] == ("root", "control", "2775")
    assert owners["database"] == ("root", "store", "2770")
    assert owners["database/farm.db"] == ("control", "store", "660")
    assert owners["logs/1.jsonl"] == ("web", "store", "644")
    assert owners["record"] == ("check", "check", "700")
    assert owners["ledger"] == ("signer", "check", "2750")
    assert owners["run/check"] == ("check", "signer", "2710")
    assert "farm.db" not in owners
    assert acting(users, "web", lambda: add_row(home))
    assert acting(users, "control", lambda: add_row(home))
    assert not acting(users, "signer", lambda: add_row(home))
    with closing(sqlite3.connect(home.sqlite)) as database:
        assert database.execute("SELECT count(*) FROM trial").fetchone() == (2,)
    assert acting(users, "web", partial((home.root / "logs/1.jsonl").open, "a"))
    assert acting(users, "signer", lambda: read_signers(home.root / "keys" / "online"))
    assert acting(users, "control", lambda: BlobStore(home.public / "blobs").put_bytes(b"published"))
    assert acting(users, "check", lambda: look_in_record(home))
    assert not acting(users, "check", lambda: read_signers(home.root / "keys" / "online"))
    assert not acting(users, "check", (home.public / "summaries/x").touch)
    # What control and web write is readable for the other, and what is published for all.
    blobs = BlobStore(home.root / "blobs")
    assert acting(users, "web", lambda: blobs.put_bytes(b"uploaded"))
    assert acting(users, "control", lambda: [blobs.verify(digest) for digest in blobs.iter()])
    own_state(home.root)


def test_the_next_start_changes_nothing_and_takes_keys_that_root_has_made_since(home: FarmHome) -> None:
    users = give(home)
    before = listing(home, users)
    assert give(home) == users
    assert listing(home, users) == before
    (home.root / "keys/online/nightly").write_text("")
    (home.public / "targets/nightly").mkdir()
    give(home)
    assert (home.root / "keys/online/nightly").stat().st_uid == users.uid("signer")
    assert acting(users, "signer", (home.public / "targets/nightly/x").touch)


def test_killed_at_any_change_it_is_finished_by_the_next_start(home: FarmHome, tmp_path: Path) -> None:
    whole = home.root.with_name("whole")
    shutil.copytree(home.root, whole, symlinks=True)
    users = give(home)
    wanted, record = listing(home, users), home.users.read_bytes()
    last = killed_at(2**30, home, whole, record)
    assert last > 1000
    for change in (*range(1, 40, 3), *range(40, last - 40, 211), *range(last - 40, last + 1, 3)):
        assert killed_at(change, home, whole, record) == change
        own_state(home.root)  # `farm up` runs this check before anything else
        assert give(home) == users
        assert listing(home, users) == wanted


def killed_at(change: int, home: FarmHome, whole: Path, record: bytes) -> int:
    """Change all owners in a copy, killed right before one of the changes; return how many there would be."""
    shutil.rmtree(home.root)
    shutil.copytree(whole, home.root, symlinks=True)
    home.users.write_bytes(record)  # the same user ids each time
    made = 0

    def watch(event: str, _arguments: tuple[object, ...]) -> None:
        nonlocal made
        if event in _CHANGES:
            made += 1
            if made == change:
                os.kill(os.getpid(), signal.SIGKILL)

    reading, writing = os.pipe()

    def child() -> int:
        sys.addaudithook(watch)
        give(home)
        os.write(writing, str(made).encode())
        return 0

    status = exit_status(fork(child))
    os.close(writing)
    with os.fdopen(reading) as counted:
        if status == -signal.SIGKILL:
            return change
        assert status == 0
        return int(counted.read())


def test_root_changes_nothing_that_a_program_which_was_taken_over_leads_it_to(home: FarmHome) -> None:
    users = give(home)
    outside = home.root.parent / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "secret").write_text("root's")
    (outside / "secret").chmod(0o600)
    outside.chmod(0o711)
    before = {path: (path.lstat().st_uid, path.lstat().st_gid, path.lstat().st_mode) for path in outside.rglob("*")}

    def plant() -> None:
        for folder in ("logs", "database", "foreign", "blobs/tmp", "blobs/sha256/00", "public/blobs/sha256/00"):
            place = home.root / folder
            (place / "link").symlink_to(outside / "secret")
            (place / "folder").symlink_to(outside / "folder")
            with suppress(PermissionError):  # where fs.protected_hardlinks is on
                (place / "hard").hardlink_to(outside / "secret")
        home.sqlite.unlink()
        home.sqlite.symlink_to(outside / "new")

    assert acting(users, "control", plant)
    assert acting(users, "signer", lambda: (home.public / "targets/x").symlink_to(outside / "folder"))
    for closed in ("blobs/sha256", "database", "logs", "public/metadata", "run/signer", "keys/online"):
        for name in ("web", "control"):
            assert not acting(users, name, (home.root / closed).with_name("moved").mkdir)
            assert not acting(users, name, lambda at=home.root / closed: at.rename(at.with_name("moved")))  # type: ignore[misc]
    give(home)
    after = {path: (path.lstat().st_uid, path.lstat().st_gid, path.lstat().st_mode) for path in outside.rglob("*")}
    assert after == before


def look_in_record(home: FarmHome) -> None:
    record = PublishedRecord(home.record)
    record.catch_up(Repository(home.public))
    record.channels_of(Digest.of(b"package"))


def test_what_others_could_have_put_there_is_not_given_away(home: FarmHome) -> None:
    (home.root / "logs").chmod(0o777)
    with refuses("users", match=r"users other than root can write to .*/logs: all users") as caught:
        give(home)
    assert "chmod go-w" in caught.value.remedy


def test_the_verbs_of_root_go_on_and_strangers_are_refused_as_before(home: FarmHome) -> None:
    users = give(home)
    own_state(home.root)
    for name, owner in (("database", 65533), ("keys/online", users.uid("web")), ("policy.yaml", users.uid("control"))):
        place = home.root / name
        place.exists() or place.touch()
        previous = place.stat().st_uid
        os.chown(place, owner, -1)
        with refuses("not-own-directory", match=f"{name} belongs to user {owner}"):
            own_state(home.root)
        os.chown(place, previous, -1)
        if name == "policy.yaml":
            place.unlink()
    os.chown(home.sqlite.parent, -1, 65533)
    with refuses("not-own-directory", match=r"its group may write to .*/database"):
        own_state(home.root)
    os.chown(home.sqlite.parent, -1, users.gid("store"))
    home.users.chmod(0o666)
    with refuses("not-own-directory", match=r"everybody may write to .*/users.json"):
        own_state(home.root)


def test_two_farms_on_a_machine_have_no_number_in_common_and_keep_theirs(tmp_path: Path) -> None:
    homes = [FarmHome(tmp_path / name, tmp_path / "host", 8460) for name in ("one", "two")]
    first, second = (give_empty(home) for home in homes)
    numbers = [{*users.groups.values(), *(user.uid for user in users.users.values())} for users in (first, second)]
    assert not numbers[0] & numbers[1]
    assert [give_empty(home) for home in homes] == [first, second]


def give_empty(home: FarmHome) -> FarmUsers:
    users = take_users(home, "")
    assert users
    hand_over(home, users)
    return users


ACCOUNTS = """\
blue-redis:x:901:901::/:/none
blue-signer:x:902:902::/:/none
blue-web:x:903:903::/:/none
blue-check:x:905:905::/:/none"""
TAKE = """\
import sys
from pathlib import Path
from farm.cli.operate.farm_home import FarmHome
from farm.cli.operate.farm_users import take_users
from farm.cli.operate.file_owners import hand_over
from farm.errors import FarmError
from tests.refusing import refuses
home = FarmHome(Path(sys.argv[1]), Path(sys.argv[1]), 1)
try:
    users = take_users(home, sys.argv[2])
    hand_over(home, users)
    print(sorted(user.uid for user in users.users.values()), users.groups["store"])
except FarmError as error:
    print(error.message)
"""


def with_accounts(tmp_path: Path, control: str, *arguments: str) -> str:
    """Run `TAKE` where `/etc` has these accounts, in a mount namespace of its own."""
    passwd, group = tmp_path / "passwd", tmp_path / "group"
    passwd.write_text("root:x:0:0::/root:/bin/sh\n" + "\n".join([*ACCOUNTS.split(), control]) + "\n")
    group.write_text("root:x:0:\nblue:x:910:\nblue-store:x:911:\n")
    script = 'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", str(passwd), str(group), sys.executable, "-c", TAKE]
    return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True).stdout.strip()


def test_accounts_are_used_where_they_are_named_and_none_may_be_missing_or_shared(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    good = "blue-control:x:904:904::/:/none"
    missing = with_accounts(tmp_path, "other:x:1:1::/:/none", state, "blue")
    assert missing.startswith("FARM_USERS is blue, and there is no such account: ")
    assert "blue-control" in missing
    shared = with_accounts(tmp_path, "blue-control:x:903:904::/:/none", state, "blue")
    assert shared == "the accounts blue-… are not separate: two have one number, or one group, or root's"
    assert not Path(state).exists()
    assert with_accounts(tmp_path, good, state, "blue") == "[901, 902, 903, 904, 905] 911"
    changed = with_accounts(tmp_path, good, state, "")
    assert changed.startswith(f"the files of redis in {state} belong to [901, 901], but would now belong to [")
    assert json.loads(Path(state, "users.json").read_text())["first"] is None
