from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from farm.container.attempt_directory import (
    IDENTITY,
    LABEL_ATTEMPTS,
    LABEL_DIRECTORY,
    LABEL_PROCESS,
    NEW,
    AttemptDirectory,
    AttemptsRoot,
    attempt_name,
)
from farm.container.host_clock import host_time
from farm.container.janitor import Janitor, is_lost
from farm.container.mounts import mounts_below
from farm.container.owner_process import OwnerProcess
from farm.container.process_start import process_start
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    import docker

    from farm.container.sandbox import Sandbox

# A worker in its own process: it mounts a volume, starts a container that sleeps, and waits.
WORKER = """
import sys
from pathlib import Path
from farm.container.attempt_directory import AttemptDirectory
from farm.container.attempt_directory import AttemptsRoot
from farm.container.environment import mount_links
from farm.container.environment import OutputVolume
from farm.container.sandbox import Sandbox, SandboxLostError, connect
from farm.container.sandbox_spec import Bind, SandboxLimits, SandboxSpec
from farm.core.fileset.forest import Forest

root, token, image, lease_seconds = Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
with AttemptDirectory.make(AttemptsRoot.open(root, "one farm"), token, seconds=lease_seconds) as attempt:
    volume = OutputVolume.mount(attempt.subdirectory("out"), limit_mb=8, owner=1000)
    links = mount_links(attempt.subdirectory("root"), Forest((), ()), Path("/"))
    spec = SandboxSpec(
        command=("sh", "-c", "echo started; sleep 1000"),
        binds=(*(bind for bind in links if bind.target != "/var"), Bind(volume.path, "/out", writable=True)),
        limits=SandboxLimits(seconds=900, memory=1 << 28, processes=64, log=1 << 20),
        attempt=attempt.path,
        labels=tuple(attempt.labels.items()),
    )
    try:
        Sandbox(connect(), image, worker="doomed").run(spec, on_output=lambda *_: print("started", flush=True))
    except SandboxLostError:
        print("lost", flush=True)
"""

SWEEP = """
import sys
from pathlib import Path
from farm.container.attempt_directory import AttemptsRoot
from farm.container.janitor import Janitor
from farm.container.sandbox import connect

swept = Janitor(connect(), AttemptsRoot.open(Path(sys.argv[1]), sys.argv[2])).sweep()
print(swept.containers, swept.directories, sep=", ")
"""


def gone() -> OwnerProcess:
    """A process that has ended, as this one sees it."""
    child = subprocess.Popen(["sleep", "1000"])
    _boot, started = process_start(child.pid)
    child.kill()
    child.wait()
    return replace(OwnerProcess.current(), pid=child.pid, started=started or 0)


class TestWhatIsLost:
    @pytest.fixture
    def labels(self, tmp_path: Path) -> dict[str, str]:
        """Those of a container whose worker has ended, and whose state was removed."""
        root = AttemptsRoot.open(tmp_path / "attempts", "/srv/farm")
        with AttemptDirectory.make(root, "a token") as attempt:
            labels = attempt.labels
        shutil.rmtree(root.path)
        return labels | {LABEL_PROCESS: str(gone())}

    def test_a_container_whose_owner_and_directory_are_gone_is_lost(
        self, labels: dict[str, str], tmp_path: Path
    ) -> None:
        assert is_lost(labels)
        AttemptsRoot.open(tmp_path / "attempts", "/srv/farm")  # made anew: another one
        assert is_lost(labels)
        (tmp_path / "attempts" / IDENTITY).write_text(labels[LABEL_ATTEMPTS])  # it was only moved
        assert not is_lost(labels)

    def test_a_container_whose_owner_lives_is_not(self, labels: dict[str, str]) -> None:
        assert not is_lost(labels | {LABEL_PROCESS: str(OwnerProcess.current())})

    @pytest.mark.parametrize("change", ["another boot", "mnt:[1]", "pid:[1]"])
    def test_what_another_boot_or_namespace_says_of_a_process_is_no_proof(
        self, labels: dict[str, str], change: str
    ) -> None:
        place = gone().place
        kind = change.partition(":")[0]
        other = re.sub(rf"{kind}:\[\d+\]", change, place) if ":" in change else f"{change}{place}"
        assert other != place
        assert not is_lost(labels | {LABEL_PROCESS: str(replace(gone(), place=other))})

    @pytest.mark.parametrize("label", [LABEL_PROCESS, LABEL_DIRECTORY])
    @pytest.mark.parametrize("value", [None, "", "x", "x; 1", "x; y z", "relative/attempts", "/a\0b"])
    def test_a_container_without_such_labels_is_not(
        self, labels: dict[str, str], label: str, value: str | None
    ) -> None:
        del labels[label]
        if value is not None:
            labels[label] = value
        assert not is_lost(labels)


class TestWhoseItIs:
    @pytest.fixture
    def root(self, tmp_path: Path) -> AttemptsRoot:
        return AttemptsRoot.open(tmp_path / "attempts", "/srv/farm")

    @pytest.fixture
    def janitor(self, root: AttemptsRoot) -> Janitor:
        return Janitor(cast("docker.APIClient", None), root)

    def test_a_container_goes_when_its_attempt_is_over(self, root: AttemptsRoot, janitor: Janitor) -> None:
        with AttemptDirectory.make(root, "a token", seconds=600) as attempt:
            labels = attempt.labels
            assert not janitor.is_orphan(labels)
            attempt.extend(-1)
            assert janitor.is_orphan(labels)
        assert janitor.is_orphan(labels)

    @pytest.mark.parametrize("label", ["farm.owner", "farm.attempts", "farm.lease"])
    @pytest.mark.parametrize("value", [None, "", "another"])
    def test_a_container_of_anybody_else_stays(
        self, root: AttemptsRoot, janitor: Janitor, label: str, value: str | None
    ) -> None:
        with AttemptDirectory.make(root, "a token") as attempt:
            labels = attempt.labels
        assert janitor.is_orphan(labels)
        del labels[label]
        if value is not None:
            labels[label] = value
        assert not janitor.is_orphan(labels)

    def test_a_container_of_the_first_versions_stays(self, root: AttemptsRoot, janitor: Janitor) -> None:
        labels = {"farm": "w", "farm.attempt": "a" * 32, "farm.deadline": "1", "farm.directory": f"{root.path}/a"}
        assert not janitor.is_orphan(labels)

    def test_a_path_means_the_directory_that_has_the_identity(self, root: AttemptsRoot, tmp_path: Path) -> None:
        assert AttemptsRoot.open(root.path, "/srv/farm") == root
        root.path.rename(tmp_path / "moved")
        assert AttemptsRoot.open(root.path, "/srv/farm").labels != root.labels
        assert AttemptsRoot.open(tmp_path / "moved", "/srv/farm").labels == root.labels

    def test_workers_that_start_together_see_one_identity(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as workers:
            opened = list(workers.map(lambda _: AttemptsRoot.open(tmp_path / "attempts", "x"), range(32)))
        assert len(set(opened)) == 1
        assert [path.name for path in (tmp_path / "attempts").iterdir()] == [IDENTITY]

    def test_a_lease_on_another_clock_has_not_ended(self, root: AttemptsRoot, janitor: Janitor) -> None:
        with AttemptDirectory.make(root, "a token", seconds=600) as attempt:
            lease = {"owner": root.owner, "clock": "another boot", "until": 0.0}
            (attempt.path / "lease.json").write_text(json.dumps(lease))
            assert janitor.state(attempt.path) == "running"
            (attempt.path / "lease.json").write_text(json.dumps(lease | {"clock": host_time().clock}))
            assert janitor.state(attempt.path) == "expired"

    @pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"deadline": 1}', '{"owner": 1}'])
    def test_a_lease_that_says_nothing_has_not_ended_while_its_owner_lives(
        self, root: AttemptsRoot, janitor: Janitor, text: str
    ) -> None:
        with AttemptDirectory.make(root, "a token", seconds=600) as attempt:
            (attempt.path / "lease.json").write_text(text)
            assert janitor.state(attempt.path) == "running"


def test_the_hosts_clock_is_not_the_one_that_programs_are_shown() -> None:
    program = "import time; from farm.container.host_clock import host_time; print(host_time().seconds, time.time())"
    command = ["faketime", "-f", "+1000s", sys.executable, "-c", program]
    before, day = host_time(), time.time()
    seconds, shown = map(float, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())
    assert shown > day + 900
    assert before.seconds <= seconds < before.seconds + 900


def test_one_lease_is_at_work_once_on_a_host(tmp_path: Path) -> None:
    root = AttemptsRoot.open(tmp_path, "tests")
    with (
        AttemptDirectory.make(root, "lease-token"),
        refuses("attempt-directory", match=attempt_name("lease-token")),
    ):
        AttemptDirectory.make(root, "lease-token")
    assert [path.name for path in tmp_path.iterdir()] == [IDENTITY]


def test_a_token_is_no_part_of_any_name(tmp_path: Path) -> None:
    root = AttemptsRoot.open(tmp_path / "attempts", "tests")
    for token in ("lease-token", "../../etc", ""):
        with AttemptDirectory.make(root, token) as attempt:
            assert attempt.path.parent == tmp_path / "attempts"
            assert not token or token not in str(attempt.path)
            assert attempt.path.stat().st_mode & 0o777 == 0o700


@pytest.mark.docker
class TestOnAHost:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        return tmp_path / "attempts"

    @pytest.fixture
    def janitor(self, client: docker.APIClient, root: Path) -> Janitor:
        return Janitor(client, AttemptsRoot.open(root, "one farm"))

    def start_worker(self, root: Path, sandbox: Sandbox, token: str, *, lease: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, str(root), token, sandbox.image, str(lease)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "started\n"
        return worker

    def containers(self, client: docker.APIClient, token: str) -> list[str]:
        return [
            container["Id"]
            for container in client.containers(all=True, filters={"label": f"farm.lease={attempt_name(token)}"})
        ]

    def test_what_is_at_work_is_left_alone(
        self, root: Path, client: docker.APIClient, sandbox: Sandbox, janitor: Janitor
    ) -> None:
        token = f"working-{os.getpid()}"
        worker = self.start_worker(root, sandbox, token, lease=600)
        try:
            janitor.sweep()
            assert len(self.containers(client, token)) == 1
            assert len(mounts_below(root)) == 3
        finally:
            worker.kill()
            worker.wait()
            janitor.sweep()

    # Threat 18.
    def test_a_killed_worker_leaves_no_container_mount_or_directory(
        self, root: Path, client: docker.APIClient, sandbox: Sandbox, janitor: Janitor
    ) -> None:
        token = f"killed-{os.getpid()}"
        worker = self.start_worker(root, sandbox, token, lease=600)
        worker.kill()
        worker.wait()
        (container,) = self.containers(client, token)
        swept = janitor.sweep()
        assert container in swept.containers
        assert swept.directories == (attempt_name(token),)
        assert self.containers(client, token) == []
        assert mounts_below(root) == ()
        assert [path.name for path in root.iterdir()] == [IDENTITY]

    @pytest.mark.parametrize("killed", [False, True])
    def test_another_farms_janitor_touches_nothing_on_the_same_engine_and_directory_whatever_its_clock_says(
        self, root: Path, client: docker.APIClient, sandbox: Sandbox, janitor: Janitor, killed: bool
    ) -> None:
        token = f"anothers-{os.getpid()}"
        worker = self.start_worker(root, sandbox, token, lease=600)
        try:
            if killed:
                worker.kill()
                worker.wait()
            for directory in (root, root.parent / "elsewhere"):
                assert self.sweep_with_clock(directory, "another farm", "+1000s") == "(), ()"
            assert len(self.containers(client, token)) == 1
            assert (root / attempt_name(token)).is_dir()
            assert len(mounts_below(root)) == 3
            # Nor does a worker of the same farm, for as long as the owner lives.
            if not killed:
                assert self.sweep_with_clock(root, "one farm", "+1000s") == "(), ()"
        finally:
            worker.kill()
            worker.wait()
            janitor.sweep()
        assert self.containers(client, token) == []

    def sweep_with_clock(self, root: Path, owner: str, offset: str) -> str:
        """Sweep as a worker of this farm with a wrong clock, and return what it removed."""
        command = ["faketime", "-f", offset, sys.executable, "-c", SWEEP, str(root), owner]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def test_a_stopped_worker_loses_its_container_when_its_lease_ends_and_cleans_up_when_it_goes_on(
        self, root: Path, client: docker.APIClient, sandbox: Sandbox, janitor: Janitor
    ) -> None:
        token = f"stopped-{os.getpid()}"
        worker = self.start_worker(root, sandbox, token, lease=2)
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            assert self.containers(client, token)
            time.sleep(2.1)
            janitor.sweep()
            assert self.containers(client, token) == []
            # Its owner is alive and may still be writing there.
            assert (root / attempt_name(token)).is_dir()
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        assert worker.communicate(timeout=60)[0] == "lost\n"
        assert mounts_below(root) == ()
        assert not (root / attempt_name(token)).exists()

    def test_what_a_killed_worker_left_goes_after_its_directory_was_removed(
        self, root: Path, client: docker.APIClient, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """By the janitor of any farm: its own never comes again."""
        another = Janitor(client, AttemptsRoot.open(tmp_path / "elsewhere", "another farm"))
        token = f"lost-{os.getpid()}"
        worker = self.start_worker(root, sandbox, token, lease=600)
        try:
            identity = (root / IDENTITY).read_text()
            (root / IDENTITY).unlink()  # somebody removes the directory under a farm that runs
            assert self.containers(client, token)
            assert attempt_name(token) not in another.sweep().lost
            assert len(self.containers(client, token)) == 1
            assert len(mounts_below(root)) == 3
            (root / IDENTITY).write_text(identity)
        finally:
            worker.kill()
            worker.wait()
        assert attempt_name(token) not in another.sweep().lost
        assert len(self.containers(client, token)) == 1
        subprocess.run(["rm", "-rf", root], check=False, stderr=subprocess.DEVNULL)  # all but what is mounted
        another.sweep()  # or the janitor of a farm that runs on this host meanwhile
        assert self.containers(client, token) == []
        assert mounts_below(root) == ()
        assert not (root / attempt_name(token)).exists()

    def test_mounts_of_others_stay_whatever_their_place_is_called(
        self, client: docker.APIClient, tmp_path: Path
    ) -> None:
        place = tmp_path / "attempts" / ("a" * 32)
        place.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
        try:
            (place / "file").write_text("precious")
            Janitor(client, AttemptsRoot.open(tmp_path / "elsewhere", "another farm")).sweep()
            assert (place / "file").read_text() == "precious"
        finally:
            subprocess.run(["umount", place], check=True)

    def test_a_heartbeat_keeps_a_lease_past_its_first_end(self, root: Path, janitor: Janitor) -> None:
        with AttemptDirectory.make(AttemptsRoot.open(root, "one farm"), "beating-token", seconds=-1) as attempt:
            assert janitor.state(attempt.path) == "expired"
            attempt.extend(60)
            assert janitor.state(attempt.path) == "running"
        assert janitor.state(attempt.path) == "abandoned"

    def test_a_directory_that_is_being_made_is_left_alone(self, root: Path, janitor: Janitor) -> None:
        new = root / f"{NEW}x"
        janitor.sweep()
        new.mkdir()
        making = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(making, fcntl.LOCK_SH)
        assert janitor.sweep().directories == ()
        os.close(making)
        assert janitor.sweep().directories == (new.name,)

    def test_the_directory_of_a_killed_worker_of_the_first_versions_goes(self, root: Path, janitor: Janitor) -> None:
        (root / "killed").mkdir()
        (root / "killed" / "lease.json").write_text('{"deadline": 1}')
        assert janitor.sweep().directories == ("killed",)

    def test_what_the_owner_mounted_over_is_never_removed_through_the_mount(self, root: Path, janitor: Janitor) -> None:
        kept = root.parent / "kept"
        kept.mkdir()
        (kept / "file").write_text("precious")
        (root / "dead-token" / "bind").mkdir(parents=True)
        subprocess.run(["mount", "--bind", kept, root / "dead-token" / "bind"], check=True)
        assert janitor.sweep().directories == ("dead-token",)
        assert (kept / "file").read_text() == "precious"
