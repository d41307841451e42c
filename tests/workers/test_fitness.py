"""A worker checks whether it can work before it takes a job, and names what is wrong."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from farm.api.errors import FarmUnreachableError
from farm.build.sources.fetch import Attempt, SourceUnreachableError
from farm.container.mounts import mount_tmpfs, unmount_below
from farm.container.sandbox import SandboxLostError, SandboxUnavailableError
from farm.core.names.digest import Digest
from farm.core.plan.trouble import Trouble
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.store.disk_space import DiskTroubleError, check_disks
from workers.fitness import trouble_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHECK = """
import sys
from pathlib import Path
from types import SimpleNamespace
from farm.container.attempt_directory import AttemptsRoot
from farm.container.empty_image import EmptyImage
from farm.container.sandbox import Sandbox, connect
from farm.core.names.platform import Platform
from farm.errors import FarmError
from workers.fitness import check_mounts

engine = connect()
image = EmptyImage.of(Platform.parse("linux/amd64")).ensure(engine)
root = AttemptsRoot.open(Path(sys.argv[1]), "tests")
try:
    check_mounts(SimpleNamespace(attempts=root, sandbox=Sandbox(engine, image, worker="tests")))
except FarmError as error:
    print(error.message, error.remedy)
else:
    print("all is seen")
assert [path.name for path in root.path.iterdir()] == [".identity"]
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of the test's own, with room for an attempt and not much more."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount_tmpfs(disk, size=80 << 20, inodes=1000, owner=os.getuid())
    yield disk
    unmount_below(disk)


@pytest.mark.docker
def test_mounts_that_the_engine_does_not_see_are_told_with_what_to_do(tmp_path: Path) -> None:
    def check(*prefix: str) -> str:
        command = [*prefix, sys.executable, "-c", CHECK, str(tmp_path / "attempts")]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert check() == "all is seen\n"
    said = check("unshare", "--mount", "--propagation", "private")
    assert f"does not see what this worker mounts below {tmp_path / 'attempts'}" in said
    assert "ip netns exec" in said


@pytest.mark.docker  # it mounts
def test_a_full_disk_is_told_by_its_path_until_there_is_room_again(small_disk: Path) -> None:
    check_disks([small_disk])
    filling = small_disk / "filling"
    filling.write_bytes(b"x" * (40 << 20))
    with pytest.raises(DiskTroubleError, match=rf"{small_disk}: \d+ MB are free"):
        check_disks([small_disk])
    with pytest.raises(OSError, match="No space left") as full, filling.open("ab") as writing:
        writing.write(b"x" * (60 << 20))
    assert trouble_of(full.value) is Trouble.DISK
    with pytest.raises(DiskTroubleError, match=f"{small_disk}: No space left"):
        check_disks([small_disk])
    with pytest.raises(OSError, match="No space left") as stored:
        BlobStore(small_disk / "blobs").put_bytes(b"y" * (1 << 20))
    assert trouble_of(stored.value) is Trouble.DISK
    filling.unlink()
    check_disks([small_disk])


def _wrapped(cause: Exception) -> FarmError:
    try:
        raise FarmError("something else") from cause
    except FarmError as error:
        return error


def _unreachable(*unanswered: bool) -> SourceUnreachableError:
    return SourceUnreachableError(Digest.of(b""), [Attempt("x", "y", unanswered=error) for error in unanswered])


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (OSError(errno.ENOSPC, "full"), Trouble.DISK),
        (OSError(errno.EROFS, "read-only"), Trouble.DISK),
        (_wrapped(OSError(errno.EIO, "broken")), Trouble.DISK),
        (OSError(errno.EPERM, "forbidden"), Trouble.WORKER),
        (FarmError("no space left on device"), Trouble.WORKER),
        (SandboxUnavailableError("answer", "x"), Trouble.ENGINE),
        (SandboxLostError("x"), Trouble.ENGINE),
        (FarmUnreachableError("http://x", "y"), Trouble.STORE),
        (_unreachable(True), Trouble.ORIGIN),
        (_unreachable(False, True), Trouble.ORIGIN),
        (_unreachable(False, False), Trouble.NONE),
        (_unreachable(), Trouble.NONE),
    ],
)
def test_what_went_wrong_is_told_by_types_and_numbers(error: Exception, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble
