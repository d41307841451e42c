"""Builds that fail, hang or use too much: the limit or step is named, nothing is left, and earlier builds are kept."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from farm.build.local_logs import LocalLogs
from farm.container.mounts import unmount_below
from tests.scenarios.farm import HANGS, Farm, HostToolchain, attempts_of, containers_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

FAILING = {
    "failing-step": ("", 'echo "checking for a compiler"; sleep 0.3; echo "error: no luck" >&2; exit 7'),
    "no-such-command": ("", "frobnicate --now"),
    "nothing-installed": ("", "true"),
}
EXCESSIVE = {
    "memory": ("limits: {memory-mb: 64}", "tail /dev/zero"),
    "output": (
        "limits: {output-mb: 1}",
        'mkdir -p "$DESTDIR/usr/share/x"; head -c 3000000 /dev/zero >"$DESTDIR/usr/share/x/big"',
    ),
    "output-unnoticed": (
        "limits: {output-mb: 1}",
        'mkdir -p "$DESTDIR/usr/share/x"; head -c 3000000 /dev/zero >"$DESTDIR/usr/share/x/big" || true',
    ),
    "log": ("limits: {log-mb: 1}", "yes 'a line that is said again and again'"),
    "processes": (
        "limits: {processes: 16}",
        r"printf 'all: %s\n%%:\n\t@sleep 2\n' \"$(echo job{1..50})\" >Makefile; make -j50",
    ),
}
UNUSABLE = {
    "device": 'mkdir -p "$DESTDIR/usr/share/x"; mknod "$DESTDIR/usr/share/x/null" c 0 0',
    "fifo": 'mkdir -p "$DESTDIR/usr/share/x"; mkfifo "$DESTDIR/usr/share/x/pipe"',
    "setuid": 'install -D --mode=4755 /bin/true "$DESTDIR/usr/bin/true"',
    "absolute-link": 'mkdir -p "$DESTDIR/usr/share/x"; ln -s /root/.ssh/id_ed25519 "$DESTDIR/usr/share/x/key"',
    "escaping-link": 'mkdir -p "$DESTDIR/usr/share/x"; ln -s ../../../../../etc/shadow "$DESTDIR/usr/share/x/shadow"',
    "outside-the-layout": 'mkdir -p "$DESTDIR/opt/x"; echo x >"$DESTDIR/opt/x/file"',
    "control-character": 'mkdir -p "$DESTDIR/usr/share/x"; touch "$DESTDIR/usr/share/x/"$\'a\\nb\\e[31m\'',
}


@pytest.fixture(scope="module", autouse=True)
def hanging(tmp_path_factory: pytest.TempPathFactory, toolchain: HostToolchain) -> Iterator[tuple[Farm, Popen[str]]]:
    """A build that hangs for a minute, the smallest limit: other tests may run meanwhile."""
    farm = Farm(tmp_path_factory.mktemp("hanging"), toolchain=toolchain)
    farm.recipe("x", "limits: {minutes: 1}", run="echo begun; sleep 1000")
    process = farm.start("build", "x")
    yield farm, process
    process.terminate()
    process.wait(HANGS)
    unmount_below(farm.root)


@pytest.mark.parametrize("case", FAILING)
def test_a_failing_build_names_its_step_and_shows_how_it_ended(farm: Farm, case: str) -> None:
    more, script = FAILING[case]
    refused(farm, more, script, case)


@pytest.mark.parametrize("case", EXCESSIVE)
def test_a_build_that_takes_too_much_is_ended_with_the_limit_named(farm: Farm, case: str) -> None:
    more, script = EXCESSIVE[case]
    refused(farm, more, script, f"limit-{case}")


@pytest.mark.parametrize("case", UNUSABLE)
def test_output_that_no_package_can_hold_is_refused_by_its_path(farm: Farm, case: str) -> None:
    refused(farm, "", UNUSABLE[case], f"output-{case}")


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_build_and_leaves_nothing(farm: Farm, how: signal.Signals, status: int) -> None:
    process = farm.recipe("x", run="echo begun; sleep 1000").start("build", "x")
    deadline = time.monotonic() + HANGS
    while not containers_of(farm.host):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(how)
    _, message = process.communicate(timeout=HANGS)
    assert process.returncode == status
    log = LocalLogs.below(farm.state).newest("x")
    assert message == f"[1/1] building x, log: {log}\n" + ("\nfarm: interrupted\n" if how == signal.SIGINT else "")
    assert containers_of(farm.host) == []
    assert attempts_of(farm.host) == []
    farm.run("build", "good").refused("still-kept", status=0)


def test_a_build_that_hangs_is_ended_at_its_time_limit(hanging: tuple[Farm, Popen[str]]) -> None:
    farm, process = hanging
    farm.finish(process).refused("limit-time")
    assert farm.snapshot() == {}


def refused(farm: Farm, more: str, script: str, case: str) -> None:
    before = farm.snapshot()
    farm.recipe("x", more, run=script).run("build", "x").refused(case)
    assert farm.snapshot() == before
    farm.run("build", "good").refused("still-kept", status=0)
