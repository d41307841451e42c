"""Archives are read in a process with limits: a hostile one ends that process, and is refused with the limit."""

from __future__ import annotations

import io
import lzma
import os
import signal
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import pytest

from farm.build.sources.archives import confined, confined_process
from farm.build.sources.archives.confined import ArchiveReader, ReadingCancelledError, ReadingLimits
from farm.build.sources.archives.confined_ending import FAILED
from farm.build.sources.archives.members import UnreadableArchiveError
from tests.peak_memory import takes_at_most

MOST = 1 << 30
MAKER = str(os.getpid())
BOMB = 700 << 20


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip archive of less than a megabyte that takes seconds to unpack, into less than what is allowed."""
    archive = tmp_path_factory.mktemp("bomb") / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made, made.open("a/zeros", "w") as zeros:
        for _ in range(BOMB >> 20):
            zeros.write(bytes(1 << 20))
    assert archive.stat().st_size < 1 << 20
    return archive


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A 7z archive with a header of a few kilobytes, unpacked thirty megabytes: what lies above what is much work."""
    paths = "".join(f"{'a/' * 2040}{number:05}\0" for number in range(3900))
    names = b"\0" + paths.encode("utf-16-le")
    empty = b"\x0e" + number(488) + b"\xff" * 488
    files = b"\5" + number(3900) + empty + b"\x0f" + number(488) + b"\xff" * 488
    header = b"\1" + files + b"\x11" + number(len(names)) + names + b"\0\0"
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20}]
    packed = lzma.compress(header, lzma.FORMAT_RAW, filters=filters)
    properties = bytes([(2 * 5 + 0) * 9 + 3]) + struct.pack("<I", 1 << 20)
    encoded = (
        b"\x17\6\0\1\x09"
        + number(len(packed))
        + b"\0\7\x0b\1\0\1\x23\3\1\1\5"
        + properties
        + b"\x0c"
        + number(len(header))
        + b"\0\0"
    )
    start = struct.pack("<QQI", len(packed), len(encoded), zlib.crc32(encoded))
    place = tmp_path_factory.mktemp("deep") / "deep.7z"
    place.write_bytes(b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + packed + encoded)
    assert place.stat().st_size < 64 << 10
    return place


def number(value: int) -> bytes:
    return b"\xff" + struct.pack("<Q", value)


def test_what_is_written_is_a_tar_archive_that_everybody_may_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/f", b"content")
    ArchiveReader().write_as_tar(tmp_path / "x.zip", ".zip", tmp_path / "x.tar", most_bytes=MOST)
    assert (tmp_path / "x.tar").stat().st_mode & 0o777 == 0o444
    with tarfile.open(tmp_path / "x.tar") as tar:
        assert tar.getnames() == ["a/f"]


def test_a_refusal_arrives_with_its_remedy_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.7z").write_bytes(b"7z\xbc\xaf\x27\x1c\0\4" + b"x" * 24)
    with pytest.raises(UnreadableArchiveError, match="the start of the 7z archive is damaged"):
        ArchiveReader().write_as_tar(tmp_path / "x.7z", ".7z", tmp_path / "x.tar", most_bytes=MOST)
    assert not (tmp_path / "x.tar").exists()
    with tarfile.open(tmp_path / "flat.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("README"), io.BytesIO())
    with pytest.raises(UnreadableArchiveError, match=r"lie in no directory \('README'\)") as caught:
        ArchiveReader().check_not_flat(tmp_path / "flat.tar")
    assert "unpack: false" in caught.value.remedy


@pytest.mark.parametrize("limits", [ReadingLimits(processor=1), ReadingLimits(wall=0.4)], ids=["processor", "wall"])
@pytest.mark.parametrize("hostile", ["bomb", "deep"])
def test_what_takes_too_long_is_ended(
    request: pytest.FixtureRequest, tmp_path: Path, hostile: str, limits: ReadingLimits
) -> None:
    archive: Path = request.getfixturevalue(hostile)
    with pytest.raises(UnreadableArchiveError, match="takes longer than"):
        ArchiveReader(limits).write_as_tar(archive, archive.suffix, tmp_path / "x.tar", most_bytes=MOST)
    assert not (tmp_path / "x.tar").exists()


def test_what_takes_too_much_memory_is_refused(tmp_path: Path, deep: Path) -> None:
    with pytest.raises(UnreadableArchiveError, match="takes more than 100 MiB of memory"):
        ArchiveReader(ReadingLimits(memory=100)).write_as_tar(deep, ".7z", tmp_path / "x.tar", most_bytes=MOST)


def test_a_tar_archive_that_needs_too_much_memory_is_left_to_tar(tmp_path: Path) -> None:
    """Its header asks for a dictionary of 1.5 GiB."""
    whole = bytearray(lzma.compress(bytes(10240)))
    assert whole[14:16] == b"\x21\1"
    whole[16] = 37
    size = (whole[12] + 1) * 4
    whole[12 + size - 4 : 12 + size] = struct.pack("<I", zlib.crc32(whole[12 : 12 + size - 4]))
    (tmp_path / "x.tar.xz").write_bytes(whole)
    with lzma.open(tmp_path / "x.tar.xz") as file:
        assert file.read() == bytes(10240)
    ArchiveReader(ReadingLimits(memory=200)).check_not_flat(tmp_path / "x.tar.xz")


def test_the_process_has_no_rights_and_ends_when_the_attempt_is_cancelled(tmp_path: Path, bomb: Path) -> None:
    seen: list[tuple[int, str]] = []

    def is_it(child: str) -> bool:
        return b"confined_process" in Path(f"/proc/{child}/cmdline").read_bytes()

    def cancelled() -> bool:
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        seen.extend((int(child), Path(f"/proc/{child}/status").read_text()) for child in children if is_it(child))
        return (tmp_path / "x.tar").stat().st_size > 0

    with pytest.raises(ReadingCancelledError):
        ArchiveReader(cancelled=cancelled).write_as_tar(bomb, ".zip", tmp_path / "x.tar", most_bytes=MOST)
    assert not (tmp_path / "x.tar").exists()
    child, status = seen[-1]
    if os.geteuid() == 0:
        assert "Uid:\t65534\t65534\t65534\t65534" in status
        assert "CapEff:\t0000000000000000" in status
    assert not Path(f"/proc/{child}").exists()


def test_a_process_that_nobody_waits_for_ends_by_itself(bomb: Path) -> None:
    command = [sys.executable, "-P", "-m", confined_process.__name__, ".zip", "1024", "100", "0.3", str(MOST), MAKER]
    with bomb.open("rb") as source:
        ended = subprocess.run(command, stdin=source, stdout=subprocess.DEVNULL, check=False)
    assert ended.returncode == -signal.SIGALRM


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/f", bytes(1 << 20))
    command = [sys.executable, "-P", "-m", confined_process.__name__, ".zip", "1024", "100", "100", str(MOST), MAKER]
    with (tmp_path / "x.zip").open("rb") as source, Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdin=source, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (FAILED, b"28")


def test_a_refusal_with_long_names_arrives_cut_and_with_nothing_a_terminal_obeys(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "flat.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        for number in range(3):
            tar.addfile(tarfile.TarInfo(f"{number}\x1b]0;title\x07" + "\U0001f4e6" * 15_000), io.BytesIO())
    with pytest.raises(UnreadableArchiveError, match="its files lie in no directory") as caught:
        ArchiveReader().check_not_flat(tmp_path / "flat.tar")
    assert "unpack: false" in caught.value.remedy
    assert "0\\x1b]0;title\\x07" in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000


def test_all_archives_of_an_attempt_together_are_read_within_the_limits(tmp_path: Path, bomb: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/f", b"content")
    reader = ArchiveReader()
    reader.write_as_tar(bomb, ".zip", tmp_path / "bomb.tar", most_bytes=MOST)
    assert 0 < reader._worked <= reader._taken + 1
    for limits in (ReadingLimits(wall=reader._taken + 0.0001), ReadingLimits(processor=int(reader._worked))):
        reader.limits = limits
        with pytest.raises(UnreadableArchiveError, match="reading the archives of the build takes longer than"):
            reader.write_as_tar(tmp_path / "x.zip", ".zip", tmp_path / "x.tar", most_bytes=MOST)


_WORKER = """
import sys
from pathlib import Path
from farm.build.sources.archives.confined import ArchiveReader
ArchiveReader().write_as_tar(Path(sys.argv[1]), ".zip", Path(sys.argv[2]), most_bytes=1 << 30)
"""


def test_the_process_ends_with_a_worker_that_is_killed(tmp_path: Path, bomb: Path) -> None:
    made = tmp_path / "x.tar"
    worker = subprocess.Popen([sys.executable, "-c", _WORKER, str(bomb), str(made)])
    try:
        while not (made.exists() and made.stat().st_size):
            assert worker.poll() is None
        (child,) = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        stat = Path(f"/proc/{child}/stat")
        os.kill(int(child), signal.SIGSTOP)  # so that it cannot end by itself
    finally:
        worker.kill()
        worker.wait()
    hangs = time.monotonic() + 60
    with suppress(FileNotFoundError, ProcessLookupError):
        while stat.read_text().rpartition(")")[2].split()[0] not in "ZX":
            assert time.monotonic() < hangs
            time.sleep(0.05)


def test_a_process_whose_maker_has_ended_before_ends_at_once(bomb: Path) -> None:
    command = [sys.executable, "-P", "-m", confined_process.__name__, ".zip", "1024", "100", "100", str(MOST), "1"]
    with bomb.open("rb") as source:
        ended = subprocess.run(command, stdin=source, stdout=subprocess.DEVNULL, check=False)
    assert ended.returncode == -signal.SIGKILL


def test_only_the_beginning_of_what_a_process_says_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A process that a hostile archive has taken over can write without end."""
    talker = tmp_path / "talker.py"
    talker.write_text("import os, sys\nfor _ in range(1024):\n    os.write(2, b'x' * (1 << 16))\nsys.exit(9)\n")
    (tmp_path / "x.tar").write_bytes(b"")
    monkeypatch.setattr(confined, "_PROCESS", "talker")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with takes_at_most(2 << 20), pytest.raises(UnreadableArchiveError, match="ended with status 9"):
        ArchiveReader().check_not_flat(tmp_path / "x.tar")
    assert "xxxx" in caplog.text
