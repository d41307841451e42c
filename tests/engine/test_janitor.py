from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.engine.attempt_directory import NEW, AttemptDirectory, AttemptDirectoryError, attempt_name
from farm.engine.janitor import Janitor, State, is_orphan
from farm.engine.mounts import mounts_below

if TYPE_CHECKING:
    import docker

    from farm.engine.sandbox import Sandbox

LABELS = {"farm": "w", "farm.attempt": "name", "farm.deadline": "1000", "farm.directory": "/attempts/name"}

# A worker as a process of its own: it mounts a volume, starts a container that sleeps, and waits.
WORKER = """
import sys, time
from pathlib import Path
from farm.engine.attempt_directory import AttemptDirectory
from farm.engine.environment import mount_links
from farm.engine.output_volume import OutputVolume
from farm.engine.sandbox import Sandbox, SandboxLostError, connect
from farm.engine.sandbox_spec import Bind, SandboxLimits, SandboxSpec
from farm.fileset import Forest

root, token, image, lease_seconds = Path(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
with AttemptDirectory.make(root, token, deadline=time.time() + lease_seconds) as attempt:
    volume = OutputVolume.mount(attempt.subdirectory("out"), limit_mb=8, owner=1000)
    links = mount_links(attempt.subdirectory("root"), Forest((), ()), Path("/"))
    spec = SandboxSpec(
        command=("sh", "-c", "echo started; sleep 1000"),
        binds=(*(bind for bind in links if bind.target != "/var"), Bind(volume.path, "/out", writable=True)),
        limits=SandboxLimits(seconds=900, memory=1 << 28, processes=64, log=1 << 20),
        attempt=attempt.path,
        deadline=time.time() + 900,
    )
    try:
        Sandbox(connect(), image, worker="doomed").run(spec, on_output=lambda *_: print("started", flush=True))
    except SandboxLostError:
        print("lost", flush=True)
"""


@pytest.mark.parametrize(
    ("deadline", "state", "orphan"),
    [
        ("2000", "running", False),
        ("2000", "unknown", False),
        ("2000", "expired", True),
        ("2000", "abandoned", True),
        ("1000", "running", True),
        ("1000", "unknown", True),
        ("nonsense", "running", True),
    ],
)
def test_a_container_is_an_orphan_by_its_deadline_or_its_attempt(deadline: str, state: State, orphan: bool) -> None:
    assert is_orphan(LABELS | {"farm.deadline": deadline}, lambda _: state, now=1500) is orphan


def test_a_container_that_names_no_directory_stays_until_its_deadline() -> None:
    nameless = {key: text for key, text in LABELS.items() if key != "farm.directory"}
    assert not is_orphan(nameless, lambda _: "abandoned", now=500)
    assert is_orphan(nameless, lambda _: "abandoned", now=1500)


def test_one_lease_is_at_work_once_on_a_host(tmp_path: Path) -> None:
    with (
        AttemptDirectory.make(tmp_path, "lease-token", deadline=0),
        pytest.raises(AttemptDirectoryError, match=attempt_name("lease-token")),
    ):
        AttemptDirectory.make(tmp_path, "lease-token", deadline=0)
    assert list(tmp_path.iterdir()) == []


def test_a_token_is_no_part_of_any_name(tmp_path: Path) -> None:
    for token in ("lease-token", "../../etc", ""):
        with AttemptDirectory.make(tmp_path / "attempts", token, deadline=0) as attempt:
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
        return Janitor(client, root)

    def start_worker(self, root: Path, sandbox: Sandbox, token: str, *, lease: float) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, str(root), token, sandbox.image, str(lease)]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        assert worker.stdout.readline() == "started\n"
        return worker

    def containers(self, client: docker.APIClient, token: str) -> list[str]:
        return [
            each["Id"] for each in client.containers(all=True, filters={"label": f"farm.attempt={attempt_name(token)}"})
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
        assert list(root.iterdir()) == []

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
            # Its owner lives and may yet be writing there.
            assert (root / attempt_name(token)).is_dir()
        finally:
            os.kill(worker.pid, signal.SIGCONT)
        assert worker.communicate(timeout=60)[0] == "lost\n"
        assert mounts_below(root) == ()
        assert not (root / attempt_name(token)).exists()

    def test_a_heartbeat_keeps_a_lease_past_its_first_end(self, root: Path, janitor: Janitor) -> None:
        with AttemptDirectory.make(root, "beating-token", deadline=time.time() - 1) as attempt:
            assert janitor.state(attempt.path) == "expired"
            attempt.extend(time.time() + 60)
            assert janitor.state(attempt.path) == "running"
        assert janitor.state(attempt.path) == "abandoned"
        assert janitor.state(Path("/elsewhere/token")) == "unknown"

    def test_a_directory_that_is_being_made_is_left_alone_for_a_while(
        self, root: Path, client: docker.APIClient
    ) -> None:
        new = root / f"{NEW}x"
        new.mkdir(parents=True)
        assert Janitor(client, root).sweep().directories == ()
        # Not a clock ahead: by that, the containers of every farm on this host are over their time.
        os.utime(new, (0, 0))
        assert Janitor(client, root).sweep().directories == (new.name,)

    def test_what_the_owner_mounted_over_is_never_removed_through_the_mount(self, root: Path, janitor: Janitor) -> None:
        kept = root.parent / "kept"
        kept.mkdir()
        (kept / "file").write_text("precious")
        (root / "dead-token" / "bind").mkdir(parents=True)
        subprocess.run(["mount", "--bind", kept, root / "dead-token" / "bind"], check=True)
        assert janitor.sweep().directories == ("dead-token",)
        assert (kept / "file").read_text() == "precious"
