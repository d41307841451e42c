"""The services of docs/operate.md: systemd accepts their units, and they let each program write its own files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from farm.cli.operate.farm_home import FarmHome
from farm.cli.operate.farm_users import take_users
from farm.cli.operate.file_owners import hand_over

PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
STATE = "/srv/farm"


def units() -> dict[str, str]:
    """The files of the page by path, each named in the paragraph before its block."""
    found = re.findall(r"`/etc/systemd/system/(\S+?)`(?:[^`]|`(?!``))*?```ini\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return dict(found)


def values(unit: str, key: str) -> list[str]:
    return [word for line in re.findall(rf"(?m)^{key}=(.*)$", unit) for word in line.split()]


def test_the_page_has_a_unit_for_each_program() -> None:
    assert sorted(units()) == [
        "farm-checker.service",
        "farm-control.service",
        "farm-signer.service",
        "farm-signer.service.d/closed.conf",
        "farm-web.service",
        "farm-worker@.service",
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_takes_them(tmp_path: Path) -> None:
    for name, text in units().items():
        # As on a machine with the accounts, the engine and the clone.
        here = re.sub(r"(?m)^User=.*$", "User=root", text).replace("/opt/farm/.venv/bin/python", sys.executable)
        here = here.replace("Requires=docker.service\n", "")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(here)
    for name in ("checker", "web", "control"):
        shutil.copytree(tmp_path / "farm-signer.service.d", tmp_path / f"farm-{name}.service.d")
    (tmp_path / "farm-worker@.service").rename(tmp_path / "farm-worker@1.service")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--generators=no", *map(str, tmp_path.glob("*.service"))],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line or "farm-" in line] == []
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="gives directories to other users")
def test_units_and_directories_agree_on_who_writes_where(tmp_path: Path) -> None:
    home = FarmHome(tmp_path / "state", tmp_path / "host", 8460)
    users = take_users(home, "")
    assert users
    hand_over(home, users)
    (home.public / ".publish.lock").touch()  # the signer makes it at the first publication
    folders = ("database", "blobs/tmp", "logs", "foreign", "registry", "public/metadata", "public/targets", "record")
    written = {*folders, "public/blobs/tmp", "public/keys", "public/summaries", "ledger"}
    written |= {"run/check", "run/signer", "run/images"}
    for program, name in (("checker", "check"), ("signer", "signer"), ("web", "web"), ("control", "control")):
        unit, user = units()[f"farm-{program}.service"], users.users[name]
        assert values(unit, "User") == [f"farm-{name}"]
        assert values(unit, "UMask") == [f"{user.umask:04o}"]
        allowed = [path.removeprefix(f"{STATE}/") for path in values(unit, "ReadWritePaths")]
        assert all((home.root / path).exists() for path in allowed)
        may = {
            path
            for path in written
            if (found := (home.root / path).stat()).st_uid == user.uid
            or (found.st_gid in (user.gid, *user.groups) and found.st_mode & 0o020)
        }
        assert {path for path in written if any(path.startswith(folder) for folder in allowed)} == may
        closed = [path.removeprefix(f"{STATE}/") for path in values(unit, "InaccessiblePaths")]
        assert not [path for path in may if any(path.startswith(folder) for folder in closed)]
        assert any("keys/offline".startswith(folder) for folder in closed)
