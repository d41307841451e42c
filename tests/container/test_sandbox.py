"""What a build may try in its container, and what happens (threat row 11): the real engine, the real attack."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.container.environment import OutputFullError, OutputVolume
from farm.container.sandbox import Sandbox, SandboxLostError, SandboxUnavailableError
from farm.container.sandbox_spec import BUILD_USER, Bind, Variation
from tests.container.conftest import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    import docker

    from farm.container.attempt_directory import AttemptDirectory
    from tests.container.conftest import Box

pytestmark = pytest.mark.docker

MB = 1 << 20


def containers(client: docker.APIClient, box: Box) -> list[str]:
    label = f"farm.lease={box.spec.attempt.name}"
    return [container["Id"] for container in client.containers(all=True, filters={"label": label})]


@pytest.fixture(autouse=True)
def the_host_stays_clean(box: Box, client: docker.APIClient):
    """After any test: no container is left, and the next command runs as if nothing had happened."""
    yield
    assert containers(client, box) == []
    box.output["stdout"] = b""
    assert box.run("echo fine").exit_code == 0
    assert box.printed == "fine\n"


def test_a_command_runs_as_an_unprivileged_user_without_any_privilege(box: Box) -> None:
    box.run("id -u; id -g; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status")
    assert (
        box.printed.split()
        == (
            f"{BUILD_USER} {BUILD_USER} CapInh: {0:016x} CapPrm: {0:016x} CapEff: {0:016x} CapBnd: {0:016x}"
            f" CapAmb: {0:016x} NoNewPrivs: 1 Seccomp: 2"
        ).split()
    )


def test_output_of_a_command_that_ends_at_once_is_whole(box: Box) -> None:
    for _ in range(5):
        box.run("echo out; echo err >&2")
    assert (box.printed, box.complained) == ("out\n" * 5, "err\n" * 5)


def test_the_exit_status_is_that_of_the_command(box: Box) -> None:
    result = box.run("exit 42")
    assert (result.exit_code, result.ending) == (42, "exited")


def test_only_scratch_space_can_be_written(box: Box) -> None:
    box.run("for place in / /usr /etc /packages /run /build /tmp; do touch $place/x 2>/dev/null && echo $place; done")
    assert box.printed == "/build\n/tmp\n"


def test_every_mount_of_the_hosts_is_read_only_for_any_user(box: Box) -> None:
    box.run("while read -r device place type options rest; do echo $place ${options%%,*}; done </proc/mounts")
    writable = {line.partition(" ")[0] for line in box.printed.splitlines() if line.endswith(" rw")}
    kernels = {place for place in writable if place.startswith(("/dev", "/proc", "/sys"))}
    assert writable - kernels == {"/build", "/tmp"}


def test_scratch_space_can_hold_programs(box: Box) -> None:
    assert box.run("printf '#!/bin/sh\nexit 7' >/tmp/x; chmod +x /tmp/x; /tmp/x").exit_code == 7


def test_there_is_no_network_but_the_loopback(box: Box) -> None:
    box.run("ls /sys/class/net; cat /etc/resolv.conf")
    assert box.printed == "lo\n"
    connect = "import socket; s = socket.socket(); s.settimeout(3); s.connect(('1.1.1.1', 53))"
    assert box.run(f'python3 -c "{connect}"').exit_code == 1
    assert "Network is unreachable" in box.complained


def test_there_is_no_docker_socket_nor_other_file_of_the_host(box: Box, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o644)
    box.run(f"ls -d /var/run/docker.sock /run/docker.sock {secret} /root /home /work; ls /run")
    assert box.printed == "init\n"


def test_the_machine_does_not_show_through(box: Box) -> None:
    box.run(
        "cat /proc/cmdline /proc/version /proc/sys/kernel/random/boot_id /proc/kallsyms /proc/modules 2>/dev/null;"
        "grep -c ^processor /proc/cpuinfo; grep MemTotal /proc/meminfo; hostname; cat /etc/hostname; date +%Z; umask"
    )
    assert box.printed.splitlines() == ["1", "MemTotal:        4194304 kB", "farm", "farm", "UTC", "0022"]


def test_the_token_of_the_lease_does_not_show_among_the_mounts(box: Box) -> None:
    box.run("cat /proc/self/mountinfo")
    assert box.spec.attempt.name in box.printed
    assert TOKEN not in box.printed


def test_other_processes_cannot_be_seen_nor_killed(box: Box) -> None:
    box.run(f"kill -9 {os.getpid()} || echo no; ls -d /proc/[0-9]* | wc -l")
    first, count = box.printed.split()
    assert first == "no"
    assert int(count) < 10


def test_a_build_that_kills_its_supervisor_kills_only_itself(box: Box) -> None:
    result = box.run("sh -c 'kill -9 -1; kill -9 1'; echo survived")
    assert result.exit_code != 0
    assert "survived" not in box.printed


def test_background_children_end_with_the_command(box: Box, client: docker.APIClient) -> None:
    started = time.monotonic()
    # Double fork, new session, no open descriptors: what a daemon does to outlive its parent.
    assert box.run("(setsid sh -c 'exec >/dev/null 2>&1 </dev/null; sleep 300' &) ; exit 0").exit_code == 0
    assert time.monotonic() - started < 20


def test_a_command_that_sleeps_for_ever_is_ended_by_the_time_limit(box: Box) -> None:
    result = box.run("trap '' TERM INT HUP; echo asleep; sleep 1000000", seconds=1.5)
    assert result.ending == "time"
    assert 1.4 < result.seconds < 15
    assert box.printed == "asleep\n"


def test_endless_output_is_ended_by_the_log_limit(box: Box) -> None:
    result = box.run("yes", log=MB)
    assert result.ending == "log"
    assert len(box.output["stdout"]) == MB


def test_a_memory_eater_is_ended_by_the_memory_limit(box: Box) -> None:
    result = box.run("python3 -c 'x = bytearray(1 << 30)'", memory=64 * MB)
    assert result.ending == "memory"


def test_a_child_out_of_memory_counts_even_when_its_parent_goes_on(box: Box) -> None:
    result = box.run("python3 -c 'x = bytearray(1 << 30)'; exit 0", memory=64 * MB)
    assert (result.exit_code, result.ending) == (0, "memory")


def test_scratch_space_counts_as_memory_and_is_bounded(box: Box) -> None:
    result = box.run("dd if=/dev/zero of=/build/x bs=1M count=200")
    assert "No space left" in box.complained
    assert result.exit_code == 1
    assert box.run("dd if=/dev/zero of=/build/x bs=1M count=60", memory=32 * MB).ending == "memory"


def test_a_fork_bomb_stops_at_the_limit_of_processes(box: Box) -> None:
    result = box.run("bomb() { bomb | bomb & }; bomb; sleep 2; echo over", processes=64, seconds=20)
    assert result.ending in ("exited", "time")
    assert "fork" in box.complained.lower()


def test_cancelling_ends_a_command_within_seconds(box: Box) -> None:
    result = box.run("sleep 1000", cancelled=lambda: True)
    assert result.ending == "cancelled"
    assert result.seconds < 10


def test_output_comes_while_the_command_still_runs(box: Box) -> None:
    seen: list[float] = []
    started = time.monotonic()
    box.sandbox.run(
        replace(box.spec, command=("sh", "-c", "echo now; sleep 2")),
        on_output=lambda *_: seen.append(time.monotonic() - started),
    )
    assert seen[0] < 1.5


def test_a_container_removed_from_outside_is_a_lost_one_not_a_failed_build(box: Box, client: docker.APIClient) -> None:
    def remove() -> None:
        while not (found := containers(client, box)) or not client.inspect_container(found[0])["State"]["Running"]:
            time.sleep(0.05)
        client.remove_container(found[0], force=True)

    for _ in range(5):  # whether the end of the container or its removal is seen first is random
        remover = threading.Thread(target=remove)
        remover.start()
        with pytest.raises(SandboxLostError, match=box.spec.attempt.name):
            box.run("sleep 1000")
        remover.join()


def test_a_missing_bind_source_is_refused_rather_than_made(box: Box, tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailableError, match="create"):
        box.with_binds(Bind(tmp_path / "missing", "/packages/x")).run("true")
    assert not (tmp_path / "missing").exists()


def test_an_unknown_runtime_is_refused_by_name(box: Box, client: docker.APIClient, sandbox: Sandbox) -> None:
    other = Sandbox(client, sandbox.image, worker="tests", runtime="no-such-runtime")
    with pytest.raises(SandboxUnavailableError, match="no-such-runtime"):
        other.run(box.spec, on_output=lambda *_: None)


def test_the_clock_host_name_and_processors_can_be_varied(box: Box) -> None:
    ahead = 400 * 86400
    varied = Variation(hostname="elsewhere", cpus="0", clock_offset=ahead)
    box.run("date +%s; hostname; nproc", variation=varied)
    moment, name, processors = box.printed.split()
    assert abs(int(moment) - time.time() - ahead) < 60
    assert (name, processors) == ("elsewhere", "1")


class TestTheOutputVolume:
    @pytest.fixture
    def volume(self, attempt: AttemptDirectory) -> OutputVolume:
        return OutputVolume.mount(attempt.subdirectory("out"), limit_mb=8, owner=BUILD_USER)

    @pytest.fixture
    def building(self, box: Box, volume: OutputVolume) -> Box:
        return box.with_binds(Bind(volume.path, "/out", writable=True))

    def test_keeps_what_was_installed_after_the_container_has_gone(self, building: Box, volume: OutputVolume) -> None:
        building.run("mkdir -p /out/usr/bin; echo hello >/out/usr/bin/x")
        assert (volume.path / "usr/bin/x").read_text() == "hello\n"
        volume.check_not_full()

    def test_cannot_be_filled_beyond_its_size(self, building: Box, volume: OutputVolume) -> None:
        building.run("dd if=/dev/zero of=/out/x bs=1M count=100")
        assert "No space left" in building.complained
        with pytest.raises(OutputFullError, match="no space left of output-mb = 8"):
            volume.check_not_full()

    def test_cannot_be_filled_with_empty_files(self, building: Box, volume: OutputVolume) -> None:
        building.run("cd /out; for i in $(seq 20000); do : >$i || exit 1; done", seconds=60)
        with pytest.raises(OutputFullError, match="no file entries left"):
            volume.check_not_full()

    def test_refuses_to_lie_where_other_users_could_reach_it(self, tmp_path: Path) -> None:
        (tmp_path / "open" / "out").mkdir(parents=True)
        (tmp_path / "open").chmod(0o755)
        with pytest.raises(PermissionError, match="0700"):
            OutputVolume.mount(tmp_path / "open" / "out", limit_mb=8, owner=BUILD_USER)
