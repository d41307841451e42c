"""The signer, before it serves."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from farm.trust.keys import create_key

if TYPE_CHECKING:
    from pathlib import Path


def test_a_key_that_others_can_read_is_told_in_one_line(tmp_path: Path) -> None:
    create_key(tmp_path / "keys" / "timestamp")
    (tmp_path / "keys" / "timestamp").chmod(0o644)
    places = ("--repository", "public", "--keys", "keys", "--socket", "signer/signer.sock")
    ended = subprocess.run(
        [sys.executable, "-m", "workers.signer", *places], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: cannot use the key file keys/timestamp: ")
    assert line.endswith("Make keys with `farm keys init`.")
