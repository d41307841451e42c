"""Build workers as processes, with a real farm, Redis and Docker Engine; and what happens when they are killed."""

from __future__ import annotations

import json
import signal
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.api.farm_client import FarmClient
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.plan.job import DependencyArchive, TestOrder
from farm.core.recipe.recipe import Limits, Test
from farm.server.documents.archive_cache import ArchiveCache
from farm.server.jobs.job_actions import request_test
from farm.server.packages import packages
from farm.server.tables.states import AttemptState
from farm.trust.attestation.tester_results import verify_test_result
from farm.trust.keys.key_files import load_public_key
from tests.store.http.source_server import source_server
from tests.workers.build_host import hosting, script
from tests.workers.engine_door import engine_door
from tests.workers.programs import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers import PrivateRedis
    from tests.workers.build_host import Host

pytestmark = [pytest.mark.docker, pytest.mark.redis]


@pytest.fixture
def host(tmp_path: Path, redis: PrivateRedis, migrated_sqlite: Path) -> Iterator[Host]:
    with hosting(tmp_path, redis.url, migrated_sqlite) as host:
        yield host


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


@pytest.mark.parametrize(("command", "passed"), [("--version", True), ("--no-such-option", False)])
def test_what_a_test_came_to_is_signed_by_the_worker_that_ran_it(host: Host, command: str, passed: bool) -> None:
    """Of a program without dependencies: it is linked statically."""
    host.worker("one")
    host.ended(
        host.submit(a=script("a", 'mkdir -p "$DESTDIR/usr/bin"; cp /usr/sbin/ldconfig "$DESTDIR/usr/bin/"'))["a"]
    )
    application = host.farm.application
    with application.planning() as unit:
        (package,) = packages.current_packages(unit.session)
        store = Descriptor.from_json(application.blobs.read(package.digest)).store_path
        archive = DependencyArchive(package.tree, store, package.archive, package.manifest, package.digest)
        test = Test("tells its version", command=("/usr/bin/ldconfig", command))
        order = TestOrder(test, package.digest, (archive,), Limits())
        job = request_test(unit, order, recipe="a", trace="t")
    assert host.ended(job.id).job.state == ("succeeded" if passed else "failed")
    (attempt,) = host.attempts(job.id)
    key = load_public_key(host.directory / "one" / "key.pub")
    assert attempt.tester == key.keyid
    content = application.blobs.read(Digest(attempt.attestation))
    signed = verify_test_result(content, {key.keyid: key}, order=order)
    assert signed.outcome.passed is passed
    # The named log exists, and shows what people can follow.
    log = [json.loads(line)["text"] for line in application.blobs.read(signed.outcome.log).splitlines()]
    assert log
    assert all(host.says(job.id, line) for line in log)


def test_what_debian_built_its_packages_from_comes_to_the_farm_and_what_is_lost_stops_no_build(host: Host) -> None:
    original, lost = b"what Debian had of upstream", b"a dsc that is gone"
    carried = "source:\n  - from-toolchain: libc6\n"
    with source_server() as server:
        for file, content, served in (("orig.tar.xz", original, original), ("glibc.dsc", lost, b"another")):
            address = server.serve(f"/{file}", served)
            carried += f"  - file: {file}\n    sha256: {Digest.of(content).hex}\n    origins: [url: '{address}']\n"
            carried += "    source-of: [libc6]\n"
        host.worker("one", allowed_networks=["127.0.0.0/8"])
        files = script("a", "test -f /sources/libc6.deb && test ! -e /sources/orig.tar.xz")
        files["recipe.yaml"] = files["recipe.yaml"].replace(b"toolchain:", carried.encode() + b"toolchain:", 1)
        assert host.ended(host.submit(a=files)["a"]).job.state == "succeeded"
    blobs = host.farm.application.blobs
    assert (blobs.has(Digest.of(original)), blobs.has(Digest.of(lost))) == (True, False)
    assert host.says_worker("one", "is published without the whole source of Debian's packages")


def test_a_failed_step_is_told_with_where_it_ended_and_the_whole_log_stays(host: Host) -> None:
    host.worker("one")
    job = host.submit(a=script("a", "echo about to fail\necho no such header >&2\nexit 7"))["a"]
    ended = host.ended(job)
    assert (ended.job.state, ended.job.error_code) == ("failed", "step-failed")
    assert "exit status 7" in ended.job.error
    with FarmClient(host.farm.url) as client:
        found = client.first_error(ended.attempts[-1].id)
    assert found is not None
    assert (found.step, found.text, found.sure) == ("run 1", "no such header", False)
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
    honest, said = ArchiveCache.unpacked, list[Digest]()

    def first_time_another(cache: ArchiveCache, archive: Digest) -> Digest:
        said.append(archive)
        return Digest.of(b"what a liar packed") if len(said) == 1 else honest(cache, archive)

    monkeypatch.setattr(ArchiveCache, "unpacked", first_time_another)
    for name in ("one", "two"):
        host.worker(name)
        eventually(partial(host.seen, name), what=f"worker {name} asks for work")
    job = host.submit(a=script("a"))["a"]
    assert host.ended(job).job.state == "succeeded"
    first, second = host.attempts(job)
    assert (first.state, first.error_code) == (AttemptState.RELEASED, "worker-trouble")
    assert first.error == (
        "the farm refused the report: the archive of dist.example.org/a does not hold what its descriptor says"
    )
    assert first.worker != second.worker, "the first one pauses"


def test_a_cancelled_jobs_container_is_stopped(host: Host) -> None:
    host.worker("one")
    job = host.submit(a=script("a", "echo begun\nsleep 600"))["a"]
    eventually(lambda: host.says(job, "begun"), what="the build has begun")
    with host.farm.client() as client:
        client.cancel(job, why="it takes too long")
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


def test_a_worker_that_is_told_to_stop_while_it_checks_its_mounts_leaves_nothing(host: Host, tmp_path: Path) -> None:
    with engine_door(tmp_path / "engine.sock", holds=b"/start HTTP/1.1") as door:
        one = host.worker("one", docker=door.url, ready="")
        assert door.is_held.wait(30)
        attempts = host.directory / "attempts"
        assert len(host.containers(also_at_rest=True)) == 1
        assert str(attempts) in Path("/proc/self/mounts").read_text()
        one.terminate()
        time.sleep(0.2)
        door.let_go.set()
        assert one.wait(30) == 0
    assert not host.says_worker("one", "Traceback")
    assert host.containers(also_at_rest=True) == []
    assert str(attempts) not in Path("/proc/self/mounts").read_text()
    assert [path.name for path in attempts.rglob("check-*")] == []


def test_without_redis_the_work_goes_on(host: Host, redis: PrivateRedis) -> None:
    host.worker("one")
    redis.stop()
    assert host.ended(host.submit(a=script("a"))["a"]).job.state == "succeeded"
