"""Row 38: web, control or the checker taken over. Other users hold keys and metadata: they can reach none of these."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.distribution.conftest import empty_host
from tests.farms.running import RunningFarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.docker,
    pytest.mark.toolchain,
    pytest.mark.skipif(os.geteuid() != 0, reason="gives each program of the farm a user"),
]
REFUSED = {errno.EACCES: "EACCES", errno.EPERM: "EPERM"}
RECIPE = """\
name: greeting
version: "1"
revision: {revision}
summary: A greeting
license: 0BSD
toolchain: c
steps:
  - run: install -D --mode=0644 /dev/stdin "$DESTDIR/usr/share/greeting" <<<"hello {revision}"
"""
PROGRAMS = {
    "redis": "redis-server",
    "checker": "workers.checker",
    "signer": "workers.signer",
    "web": "web",
    "control": "workers.control",
}


@dataclass(frozen=True)
class Taken:
    """The identity of a program that an attacker controls: its user, and all else that the kernel checks."""

    pid: int
    uid: int
    gid: int
    groups: tuple[int, ...]

    def tries(self, attempts: dict[str, Callable[[], object]]) -> dict[str, str]:
        """Do each in a child as this user; return the result by name: `done`, or the errno's name."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            with suppress(BaseException):
                os.setgroups(self.groups)
                os.setresgid(self.gid, self.gid, self.gid)
                os.setresuid(self.uid, self.uid, self.uid)
                found = {name: _outcome(attempt) for name, attempt in attempts.items()}
                os.write(writing, json.dumps(found).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as answer:
            found: dict[str, str] = json.loads(answer.read())
        os.waitpid(child, 0)
        return found


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "done"


@pytest.fixture(scope="module")
def farm() -> Iterator[RunningFarm]:
    """A farm whose directory every user can reach: only its own permissions protect it. It has released once."""
    place = Path(tempfile.mkdtemp(prefix="farm-38-"))
    place.chmod(0o755)
    running = RunningFarm(place / "farm", empty_host(place), options=("--workers", "1"))
    try:
        running.start()
        running.submit(recipe(place, 1)).done()
        yield running
    finally:
        running.stop()
        shutil.rmtree(place)


def recipe(folder: Path, revision: int) -> Path:
    place = folder / str(revision) / "greeting"
    place.mkdir(parents=True)
    (place / "recipe.yaml").write_text(RECIPE.format(revision=revision))
    return place


def program(farm: RunningFarm, name: str) -> Taken:
    """Find a program of this farm by its command line."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (path / "cmdline").read_bytes().decode().split("\0")
            if PROGRAMS[name] in {Path(words[0].split(" ")[0]).name, *words} and str(farm.state) in " ".join(words):
                lines = (line.partition(":") for line in (path / "status").read_text().splitlines())
                status = {key: value.split() for key, _, value in lines}
                groups = tuple(map(int, status["Groups"]))
                return Taken(int(path.name), int(status["Uid"][0]), int(status["Gid"][0]), groups)
    raise AssertionError(f"{name} does not run")


def read(path: Path) -> None:
    with path.open("rb") as file:
        file.read(1)


def make(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    path.unlink()


def write(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY))


def exchange(path: Path) -> None:
    """Replace a file by another: here by itself, under another name."""
    aside = path.with_name("aside")
    path.rename(aside)
    aside.rename(path)


def connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))


def secrets_of(farm: RunningFarm) -> list[Path]:
    """Everything that only root and the signer may read; found as root, so that none is omitted."""
    keys = [path for path in (farm.state / "keys").rglob("*") if path.is_file() and path.suffix != ".pub"]
    assert {"admin.token", "root", "targets", "snapshot", "timestamp", "edge"} <= {path.name for path in keys}
    workers = [path for path in (farm.state / "workers").rglob("*") if path.name in {"key", "settings.json"}]
    assert len(workers) == 2
    return [*keys, *workers, *(farm.state / "log").iterdir()]


def attempts_on_keys_and_metadata(farm: RunningFarm) -> dict[str, Callable[[], object]]:
    """What neither web, control nor the checker may do: a table of attempts by name."""
    state, public = farm.state, farm.state / "public"
    table: dict[str, Callable[[], object]] = {f"read {path}": partial(read, path) for path in secrets_of(farm)}
    signer = program(farm, "signer")
    assert farm.process
    for pid in (signer.pid, farm.process.pid, farm.worker_pid(1)):
        table |= {f"read {name} of {pid}": partial(read, Path(f"/proc/{pid}/{name}")) for name in ("mem", "environ")}
        table[f"signal {pid}"] = partial(os.kill, pid, 0)
    signed = [public / "metadata", public / "summaries", *(path for path in public.glob("targets/**") if path.is_dir())]
    assert len(signed) > 2  # a release has a directory of its own
    table |= {f"make a file in {directory}": partial(make, directory / "x") for directory in (public, *signed)}
    table |= {f"write {path}": partial(write, path) for path in (public / "metadata").iterdir()}
    table |= {f"write {path}": partial(write, path) for path in (public / "targets").rglob("*.json")}
    for path in (
        *(public / name for name in ("metadata/timestamp.json", "metadata", "targets", "summaries", "blobs/sha256")),
        *(
            state / name
            for name in ("keys", "public", "blobs/sha256", "run/signer/signer.sock", "run/signer", "users.json")
        ),
    ):
        table[f"exchange {path}"] = partial(exchange, path)
    for folder in ("", "run", "run/signer", "run/images", "run/redis", "keys", "keys/online", "log", "workers"):
        table[f"make a file in {folder}"] = partial(make, state / folder / "x")
    return table


def others_of(farm: RunningFarm, name: str) -> dict[str, Callable[[], object]]:
    """What belongs to the other two of the three, and what only one of them may access."""
    state = farm.state
    published = next(path for path in (state / "public/blobs/sha256").rglob("*") if path.is_file())
    if name == "control":
        return {
            "speak to the checker": partial(connect, state / "run/check/checker.sock"),
            "speak to the signer of images": partial(connect, state / "run/images/signer.sock"),
            "write the record of what was published": partial(write, state / "record/published.sqlite"),
            "read web's settings": partial(read, state / "run/web.json"),
            "make an image of web's": partial(make, state / "registry/x"),
        }
    more = {
        "read web's settings": partial(read, state / "run/web.json"),
        "read the database": partial(read, state / "database/farm.db"),
        "speak to the signer of images": partial(connect, state / "run/images/signer.sock"),
        "store a blob": partial(make, state / "blobs/tmp/x"),
        "write a log": partial(make, state / "logs/x"),
        "make an image of web's": partial(make, state / "registry/x"),
    }
    if name == "web":
        more = {
            "speak to the checker": partial(connect, state / "run/check/checker.sock"),
            "write the record of what was published": partial(write, state / "record/published.sqlite"),
        }
    return more | {
        "read control's settings": partial(read, state / "run/control.json"),
        "speak to the signer": partial(connect, state / "run/signer/signer.sock"),
        "speak to Redis": partial(connect, state / "run/redis/redis.sock"),
        "publish a blob": partial(make, published.with_name("x" * 62)),
        "take away a published blob": partial(exchange, published),
        "open a published blob": partial(published.chmod, 0o666),
        "forge what others have released": partial(make, state / "foreign/x"),
    }


@pytest.mark.parametrize("name", ["web", "control", "checker"])
def test_nothing_of_anothers_can_be_read_or_written(farm: RunningFarm, name: str) -> None:
    found = program(farm, name).tries(attempts_on_keys_and_metadata(farm) | others_of(farm, name))
    assert len(found) > 50
    assert {what: how for what, how in found.items() if how not in REFUSED.values()} == {}


def test_what_they_have_to_do_they_can(farm: RunningFarm) -> None:
    """This shows that what is refused above is not refused for another reason."""
    state = farm.state
    both = {
        "read metadata": partial(read, state / "public/metadata/timestamp.json"),
        "read the database": partial(read, state / "database/farm.db"),
        "write the database": partial(write, state / "database/farm.db"),
        "store a blob": partial(make, state / "blobs/tmp/x"),
        "write a log": partial(make, state / "logs/x"),
    }
    control = both | {
        "speak to the signer": partial(connect, state / "run/signer/signer.sock"),
        "speak to Redis": partial(connect, state / "run/redis/redis.sock"),
        "publish a blob": partial(make, state / "public/blobs/tmp/x"),
        "read its settings": partial(read, state / "run/control.json"),
    }
    web = both | {"read its settings": partial(read, state / "run/web.json")}
    assert set(program(farm, "control").tries(control).values()) == {"done"}
    assert set(program(farm, "web").tries(web).values()) == {"done"}
    checker = {
        "read metadata": partial(read, state / "public/metadata/timestamp.json"),
        "write its record": partial(write, state / "record/published.sqlite"),
    }
    assert set(program(farm, "checker").tries(checker).values()) == {"done"}
    signer = {"speak to the checker": partial(connect, state / "run/check/checker.sock")}
    assert set(program(farm, "signer").tries(signer).values()) == {"done"}
    assert httpx.get(f"{farm.url}/api/v1/ready").status_code == 200
    assert httpx.get(f"{farm.url}/v2/edge/greeting/manifests/1").status_code == 200


@pytest.mark.parametrize("name", ["signer", "checker", "redis"])
def test_who_signs_or_rings_sees_no_database(farm: RunningFarm, name: str) -> None:
    state = farm.state
    found = program(farm, name).tries(
        {
            **{f"read {path}": partial(read, path) for path in (state / "database").iterdir()},
            **{f"read {file}": partial(read, state / "run" / file) for file in ("web.json", "control.json")},
            "read the administrator's token": partial(read, state / "keys/admin.token"),
            "read the key of root": partial(read, state / "keys/offline/root"),
            "publish a blob": partial(make, state / "public/blobs/tmp/x"),
        }
    )
    assert set(found.values()) == {"EACCES"}


def test_each_program_is_a_user_of_its_own_that_can_become_no_other(farm: RunningFarm) -> None:
    taken = {name: program(farm, name) for name in PROGRAMS}
    assert len({0, *(process.uid for process in taken.values())}) == len(PROGRAMS) + 1
    for process in taken.values():
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert "NoNewPrivs:\t1" in status
        held = [line.split()[1] for line in status.splitlines() if line.startswith("Cap")]
        assert set(held) == {"0" * 16}


def test_honest_work_goes_on_afterwards_and_after_a_restart(farm: RunningFarm, tmp_path: Path) -> None:
    before = farm.newest()["number"]
    farm.submit(recipe(tmp_path, 2)).done()
    assert farm.newest()["number"] == before + 1
    users = (farm.state / "users.json").read_bytes()
    farm.stop()
    farm.start()
    farm.submit(recipe(tmp_path, 3)).done()
    assert farm.newest()["number"] == before + 2
    assert (farm.state / "users.json").read_bytes() == users
