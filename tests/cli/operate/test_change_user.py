"""What a program sees after it changes its user: the paths that it uses, wherever they are, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from farm.cli.operate.farm_users import FarmUser, FarmUsers, ServiceStart, code_paths
from tests.cli.operate.test_supervisor import alive, eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
NUMBER = 0x70000000
LOOK = """\
import os, sys
for path in sys.argv[1:]:
    try:
        print(sorted(os.listdir(path)))
    except OSError as error:
        print(type(error).__name__)
print(os.getresuid(), os.getresgid(), os.getgroups(), os.getcwd(), oct(os.umask(0)))
"""


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A directory like /root: no other user can enter."""
    for name in ("closed/used/below", "closed/secret", "closed/linked", "closed/attempts"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "closed" / "link").symlink_to("linked")
    (tmp_path / "closed").chmod(0o700)
    return tmp_path / "closed"


def start(closed: Path, *reach: Path) -> ServiceStart:
    users = FarmUsers({"web": FarmUser(NUMBER, NUMBER + 1, (NUMBER + 2,), 0o027)}, {})
    return ServiceStart(users, (*reach, *code_paths()), closed / "attempts")


def ran(begin: ServiceStart, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(begin.command("web", words), capture_output=True, text=True, check=False)


def test_it_sees_what_it_uses_in_a_closed_directory_and_is_nobody_else(closed: Path) -> None:
    begin = start(closed, closed / "used", closed / "link")
    paths = [closed, closed / "used", closed / "link", closed / "linked"]
    done = ran(begin, sys.executable, "-c", LOOK, *map(str, paths))
    assert done.stdout.splitlines() == [
        "['link', 'linked', 'used']",
        "['below']",
        "[]",
        "[]",
        f"{(NUMBER,) * 3} {(NUMBER + 1,) * 3} [{NUMBER + 2}] / 0o27",
    ], done.stderr
    assert sorted(path.name for path in closed.iterdir()) == ["attempts", "link", "linked", "secret", "used"]


def test_a_path_that_is_closed_itself_is_named(closed: Path) -> None:
    done = ran(start(closed, closed), "true")
    assert done.returncode == os.EX_CONFIG
    assert f"{closed} is closed to user {NUMBER}" in done.stderr
    assert f"chmod -R go+rX {closed}" in done.stderr


def test_the_host_sees_none_of_it(closed: Path) -> None:
    before = subprocess.run(["findmnt", "--noheadings"], capture_output=True, text=True, check=True).stdout
    assert ran(start(closed, closed / "used"), "true").returncode == 0
    assert str(closed) not in before
    assert (
        str(closed)
        not in subprocess.run(["findmnt", "--noheadings"], capture_output=True, text=True, check=True).stdout
    )


def test_a_program_may_keep_what_it_was_given_beyond_its_user_and_nothing_else(closed: Path) -> None:
    words = ("grep", "^Cap", "/proc/self/status")
    assert {line.split()[1] for line in ran(start(closed), *words).stdout.splitlines()} == {"0" * 16}
    begin = start(closed)
    kept = subprocess.run(begin.command("web", words, "net_bind_service"), capture_output=True, text=True, check=True)
    assert {line.split()[1] for line in kept.stdout.splitlines()} == {f"{1 << 10:016x}"}


def test_killing_the_supervisor_ends_a_program_that_is_another_user(closed: Path) -> None:
    # The kernel forgets this setting when a process changes its user: it must be set again.
    command = start(closed, closed / "used").command("web", ("sleep", "600"))
    parent = (
        "import os, sys, time; from pathlib import Path; from farm.cli.operate.supervisor import *\n"
        f"Supervisor(Path({str(closed / 'log')!r})).start([Program('web', {command!r}, dict(os.environ))], print)\n"
        "time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.DEVNULL)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def is_sleeping() -> bool:
        return any(Path(f"/proc/{pid}/comm").read_text() == "sleep\n" for pid in children.read_text().split())

    try:
        eventually(is_sleeping)
        (child,) = map(int, children.read_text().split())
        assert Path(f"/proc/{child}").stat().st_uid == NUMBER
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    eventually(lambda: not alive(child))
