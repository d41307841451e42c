"""A late-bound start must be quick: it does not load unused modules, which would take longer than all else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.client.distribution import SmallDistribution

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """
import sys
from farm.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    print(*sys.modules)
"""
_OF_NO_USE = {"docker", "httpx", "jinja2", "multiprocessing", "pydantic", "requests", "rich", "yaml"}


@pytest.mark.skipif(not shutil.which("bwrap"), reason="needs bubblewrap")
def test_a_run_in_bubblewrap_loads_nothing_that_it_has_no_use_for(tmp_path: Path) -> None:
    distribution = SmallDistribution(tmp_path)
    distribution.package("alone", {"share/alone/file": "alone\n"})
    distribution.publish()
    assert distribution.founded is not None
    places = {"FARM_STATE": str(tmp_path / "state"), "FARM_HOST": str(tmp_path / "host")}

    def farm(*words: str) -> str:
        line = [sys.executable, "-c", _PROGRAM, *words]
        return subprocess.run(line, env={**os.environ, **places}, check=True, stdout=subprocess.PIPE, text=True).stdout

    farm("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint)
    loaded = {name.partition(".")[0] for name in farm("run", "--with", "bubblewrap", "alone", "--", "missing").split()}
    assert "tuf" in loaded  # it has verified the release
    assert not loaded & _OF_NO_USE
