"""One directory, one farm; and paths that fit into URLs and sockets."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from farm.cli.main import main
from farm.cli.operate.farm_home import FarmHome, check_directory, take_directory
from tests.farms.running import RECIPES
from tests.refusing import refuses

HOLD = """\
import sys, time
from pathlib import Path
from farm.cli.operate.farm_home import take_directory
from farm.cli.operate.farm_home import FarmHome
from tests.refusing import refuses
take_directory(FarmHome(Path(sys.argv[1]), Path(sys.argv[1]), 8460))
print("held", flush=True)
time.sleep(600)
"""


def home(root: Path, port: int = 8460) -> FarmHome:
    return FarmHome(root, root / "host", port)


def test_a_second_farm_in_a_directory_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    root = tmp_path / "state"
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(root)], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        before = sorted(root.rglob("*"))
        with refuses("farm-running") as caught:
            take_directory(home(root, port=8461))
        assert caught.value.message == f"a farm is running in this directory (process {first.pid})"
        assert caught.value.exit_status == 1
        assert sorted(root.rglob("*")) == before
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()
    os.close(take_directory(home(root)))


def test_what_is_made_is_for_nobody_else(tmp_path: Path) -> None:
    os.close(take_directory(home(tmp_path / "a" / "state")))
    made = [tmp_path / "a" / "state", tmp_path / "a" / "state" / "run"]
    assert [stat.S_IMODE(directory.stat().st_mode) for directory in made] == [0o700, 0o700]


def test_without_redis_nothing_is_made_and_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    for name, value in {"PATH": str(tmp_path), "FARM_STATE": str(state), "FARM_HOST": str(tmp_path / "host")}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main(["up", "--recipes", str(RECIPES)])
    assert ended.value.code == 1
    assert "neither redis-server nor valkey-server is installed" in (said := capsys.readouterr().err)
    assert "apt-get install redis-server" in said
    assert not (state / "keys").exists()
    assert not (state / "run").exists()


@pytest.mark.parametrize("name", ["what?", "number#1", "100%"])
def test_a_path_that_means_something_else_in_a_url_is_refused(name: str) -> None:
    with refuses("unusable-directory", match=r"must not have . in it, for URLs"):
        check_directory(home(Path("/srv") / name / "farm"))


def test_a_path_that_is_too_long_for_a_socket_is_refused() -> None:
    check_directory(home(Path("/" + "x" * 83)))
    with refuses("unusable-directory", match="too long for the sockets below it, by 1 bytes"):
        check_directory(home(Path("/" + "x" * 84)))
