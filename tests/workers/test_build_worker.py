"""Build workers as processes, with a real farm, Redis and Docker Engine; and what happens when they are killed."""

from __future__ import annotations

import json
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.api.farm_client import FarmClient
from farm.control import access
from farm.control.archive_shelf import ArchiveShelf
from farm.control.settings import FarmSettings, open_office
from farm.control.world import ToolchainRef
from farm.database import attempts
from farm.database.states import AttemptState
from farm.engine.sandbox import connect
from farm.fileset import Manifest
from farm.names import Digest
from farm.plan import BlobRef
from farm.trust.keys import create_key
from tests.control.small_farm import recipe
from tests.web.running_farm import RunningFarm, serving
from tests.workers.programs import eventually, program
from web.app import create_app
from web.settings import WebSettings

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    import docker

    from farm.api import wire
    from farm.database.records import Attempt
    from tests.servers import PrivateRedis

pytestmark = [pytest.mark.docker, pytest.mark.redis]

# The machine's own /usr stands in for a toolchain, whose making takes longer than all of this.
EMPTY = Manifest.of([])
TOOLCHAIN = ToolchainRef("c", EMPTY.tree_digest, BlobRef(EMPTY.tree_digest, 0), BlobRef(EMPTY.tree_digest, 0), {})
INSTALL = 'mkdir -p "$DESTDIR/usr/share/x"; echo {name} > "$DESTDIR/usr/share/x/{name}"'


def script(name: str, text: str = "", *, needs: tuple[str, ...] = ()) -> dict[str, bytes]:
    """A recipe whose one step runs this shell text and installs a file."""
    files = recipe(name, needs=needs)
    install = INSTALL.format(name=name)
    lines = "".join(f"\n      {line}" for line in (*text.splitlines(), install))
    return {"recipe.yaml": files["recipe.yaml"].replace(b"run: make install FLAG=", f"run: |{lines}".encode())}


@dataclass
class Host:
    """A farm and its build workers, all on this machine."""

    farm: RunningFarm
    directory: Path
    broker: str
    engine: docker.APIClient
    stack: ExitStack

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        key = create_key(self.directory / name / "key")
        assert isinstance(key, CryptoSigner)
        with self.farm.office.writing() as desk:
            public = str(key.public_key.keyval["public"])
            access.enrol(desk, name=name, public_key=public, builds=True, tests=True, by="operator")
        settings: dict[str, Any] = {
            "farm": self.farm.url,
            "broker": self.broker,
            "name": name,
            "key": str(self.directory / name / "key"),
            "blobs": str(self.directory / name / "blobs"),
            "packages": str(self.directory / "packages"),
            "toolchains": str(self.directory / "toolchains"),
            "attempts": str(self.directory / "attempts"),
            "idle_seconds": 1,
            "sweep_seconds": 0.5,
        }
        file = self.directory / name / "settings.json"
        file.write_text(json.dumps(settings))
        log = self.directory / name / "log"
        return self.stack.enter_context(program(log, "workers.build", "--settings", str(file), ready="ready."))

    def submit(self, **recipes: dict[str, bytes]) -> dict[str, int]:
        with self.farm.client() as client:
            return {each.name: each.job.id for each in client.submit(recipes).accepted}

    def job(self, job_id: int) -> wire.JobDetail:
        with FarmClient(self.farm.url) as client:
            return client.job(job_id)

    def ended(self, job_id: int, *, seconds: float = 90) -> wire.JobDetail:
        eventually(
            lambda: self.job(job_id).job.state in ("succeeded", "failed", "cancelled"),
            seconds=seconds,
            what=f"job {job_id} ends; it is {self.job(job_id)}",
        )
        return self.job(job_id)

    def says(self, job_id: int, text: str) -> bool:
        with FarmClient(self.farm.url) as client:
            return any(text in record["text"] for record in client.log(job_id).records)

    def containers(self) -> list[str]:
        """The containers of this host's attempts, by the directory that they are bound to."""
        found = self.engine.containers(filters={"label": "farm"})
        return [each["Id"] for each in found if str(self.directory) in json.dumps(each["Labels"])]

    def attempts(self, job_id: int) -> list[Attempt]:
        with self.farm.office.reading() as desk:
            return attempts.attempts_of(desk.session, job_id)


@pytest.fixture
def host(tmp_path: Path, redis: PrivateRedis, migrated_sqlite: Path) -> Iterator[Host]:
    (tmp_path / "farm.db").write_bytes(migrated_sqlite.read_bytes())
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / "distribution.yaml").write_text("domain: dist.example.org\n")
    settings = FarmSettings(
        database=f"sqlite:///{tmp_path / 'farm.db'}",
        broker=redis.url,
        blobs=tmp_path / "blobs",
        logs=tmp_path / "logs",
        recipes=recipes,
        toolchains=(TOOLCHAIN.to_dict(),),
        lease_seconds=4,
        grace_seconds=4,
    )
    (tmp_path / "farm.json").write_text(settings.model_dump_json())
    office = open_office(settings, {"distribution.yaml": b"domain: dist.example.org\n"})
    office.blobs.put_bytes(EMPTY.to_json())
    root = tmp_path / "toolchains" / f"c-{TOOLCHAIN.tree.store_key}" / "root"
    root.mkdir(parents=True)
    for top in ("usr", "etc"):
        (root / top).symlink_to(f"/{top}")
    with ExitStack() as stack:
        url = stack.enter_context(serving(create_app(office, replace(WebSettings(), follow_seconds=0.05))))
        control = ("workers.control", "--settings", str(tmp_path / "farm.json"))
        stack.enter_context(program(tmp_path / "control.log", *control, ready="ready."))
        yield Host(RunningFarm(office, url, tmp_path), tmp_path, redis.url, connect(), stack)
    office.database.close()


def test_two_workers_build_a_chain_and_every_job_once(host: Host) -> None:
    host.worker("one")
    host.worker("two")
    names = host.submit(
        a=script("a", "test -f /usr/share/x/b && test -f /usr/share/x/c", needs=("b", "c")),
        b=script("b"),
        c=script("c"),
    )
    assert host.ended(names["a"]).job.state == "succeeded"
    with FarmClient(host.farm.url) as client:
        assert [package.name for package in client.packages().packages] == ["a", "b", "c"]
    assert [len(host.attempts(job)) for job in names.values()] == [1, 1, 1]
    assert host.farm.refusals() == []


def test_a_failed_step_is_told_with_its_last_lines_and_the_whole_log_stays(host: Host) -> None:
    host.worker("one")
    job = host.submit(a=script("a", "echo about to fail\necho no such header >&2\nexit 7"))["a"]
    ended = host.ended(job)
    assert (ended.job.state, ended.job.error_code) == ("failed", "step-failed")
    assert "exit status 7" in ended.job.error
    assert "no such header" in ended.job.error
    assert host.says(job, "about to fail")
    assert host.containers() == []


def test_a_line_is_seen_while_its_step_still_sleeps(host: Host) -> None:
    host.worker("one")
    job = host.submit(a=script("a", "echo compiling\nsleep 4"))["a"]
    eventually(lambda: host.says(job, "compiling"), what="the line is seen")
    assert host.job(job).job.state == "running"
    assert host.ended(job).job.state == "succeeded"


def test_a_killed_workers_job_is_finished_by_another_once(host: Host) -> None:
    one = host.worker("one")
    job = host.submit(a=script("a", "echo begun\nsleep 3"))["a"]
    eventually(lambda: host.says(job, "begun"), what="the build has begun")
    one.send_signal(signal.SIGKILL)
    host.worker("two")
    ended = host.ended(job)
    first, second = host.attempts(job)
    assert (first.worker, first.state) == ("one", AttemptState.LOST)
    assert (second.worker, second.state) == ("two", AttemptState.SUCCEEDED)
    assert len(ended.packages) == 1


def test_a_stopped_workers_container_is_gone_before_its_job_is_given_away_and_its_report_is_refused(host: Host) -> None:
    one = host.worker("one")
    job = host.submit(a=script("a", "echo begun\nsleep 6"))["a"]
    eventually(lambda: host.says(job, "begun"), what="the build has begun")
    (container,) = host.containers()
    one.send_signal(signal.SIGSTOP)
    host.worker("two")
    eventually(lambda: container not in host.containers(), what="the janitor removes the container")
    assert len(host.attempts(job)) == 1, "it was given away while its container was still there"
    assert host.ended(job).job.state == "succeeded"
    one.send_signal(signal.SIGCONT)
    time.sleep(3)
    first, second = host.attempts(job)
    assert (first.state, second.state, second.worker) == (AttemptState.LOST, AttemptState.SUCCEEDED, "two")
    assert "is gone" in (host.directory / "one" / "log").read_text()


def test_a_report_that_the_farm_refuses_gives_the_job_to_another_at_once_and_says_why(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, said = ArchiveShelf.unpacked, list[Digest]()

    def first_time_another(shelf: ArchiveShelf, archive: Digest) -> Digest:
        said.append(archive)
        return Digest.of(b"what a liar packed") if len(said) == 1 else honest(shelf, archive)

    monkeypatch.setattr(ArchiveShelf, "unpacked", first_time_another)
    for name in ("one", "two"):
        host.worker(name)
    job = host.submit(a=script("a"))["a"]
    assert host.ended(job).job.state == "succeeded"
    first, second = host.attempts(job)
    assert (first.state, first.error_code) == (AttemptState.RELEASED, "worker-trouble")
    assert first.error == (
        "the farm refused the report: the archive of dist.example.org/a holds something else than its descriptor says"
    )
    assert first.worker != second.worker, "the first one pauses"


def test_a_cancelled_jobs_container_is_stopped(host: Host) -> None:
    host.worker("one")
    job = host.submit(a=script("a", "echo begun\nsleep 600"))["a"]
    eventually(lambda: host.says(job, "begun"), what="the build has begun")
    with host.farm.client() as client:
        client.cancel(job)
    eventually(lambda: not host.containers(), what="the container is stopped")
    again = host.submit(b=script("b"))["b"]
    assert host.ended(again).job.state == "succeeded"


def test_a_worker_that_is_told_to_stop_gives_its_job_back_at_once(host: Host) -> None:
    one = host.worker("one")
    job = host.submit(a=script("a", "echo begun\nsleep 600"))["a"]
    eventually(lambda: host.says(job, "begun"), what="the build has begun")
    one.terminate()
    assert one.wait(15) == 0
    assert host.containers() == []
    (first,) = host.attempts(job)
    assert first.state is AttemptState.RELEASED
    assert host.job(job).job.state == "ready"


def test_without_redis_the_work_goes_on(host: Host, redis: PrivateRedis) -> None:
    host.worker("one")
    redis.stop()
    assert host.ended(host.submit(a=script("a"))["a"]).job.state == "succeeded"
