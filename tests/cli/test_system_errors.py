"""Errors of the operating system are reported with the path and a remedy, whichever verb met them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("farm")


def stderr_of(state: str, *words: str) -> str:
    environment = os.environ | {"FARM_STATE": state}
    ended = subprocess.run([COMMAND, *words], env=environment, check=False, capture_output=True, text=True)
    assert ended.returncode == 1
    return ended.stderr


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    said = stderr_of(f"{tmp_path}/state", "image", "build", "-f", f"{tmp_path}/nope.yaml", "--no-load")
    assert f"{tmp_path}/nope.yaml: No such file or directory" in said
    assert "help: Check the path." in said


def test_a_state_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "file").touch()
    # Nobody can make directories there, not even root.
    said = stderr_of("/sys/farm", "pack", f"{tmp_path}/app", "--name", "mine.example.org/app", "--version", "1")
    assert "/sys/farm: " in said
    assert "or choose another directory: set FARM_STATE (now /sys/farm) or FARM_HOST (now /" in said


def test_a_state_on_a_file_system_that_is_read_only(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "file").touch()
    (tmp_path / "state").mkdir()
    mount = f"mount -t tmpfs -o ro,mode=0700 none {tmp_path}/state"
    pack = f"{COMMAND} pack {tmp_path}/app --name mine.example.org/app --version 1"
    line = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f"{mount} && exec {pack}"]
    environment = os.environ | {"FARM_STATE": f"{tmp_path}/state"}
    ended = subprocess.run(line, env=environment, check=False, capture_output=True, text=True)
    if "unshare" in ended.stderr:
        pytest.skip("no user namespaces here")
    assert ended.returncode == 1
    assert f"{tmp_path}/state/" in ended.stderr
    assert "mounted read-only: remount it read-write" in ended.stderr
    assert f"FARM_STATE (now {tmp_path}/state)" in ended.stderr


@pytest.mark.parametrize("words", [("--help",), ("build", "--help"), ("lint", "--explain", "S101"), ("kept",)])
def test_a_reader_who_has_seen_enough_is_no_error(words: tuple[str, ...], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = os.environ | {"FARM_STATE": f"{tmp_path}/state"}
    ended = subprocess.run(
        [COMMAND, *words], env=environment, check=False, stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")
