"""`farm lint` for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from farm.cli.main import main

RECIPES = Path(__file__).parents[3] / "recipes"


def test_what_is_in_order_is_listed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["lint", "--recipes", str(RECIPES), "--json"])
    assert ended.value.code == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["channels"] == ["edge", "stable"]
    assert sorted(listed["build-order"]) == listed["recipes"]
    assert listed["build-order"].index("oniguruma") < listed["build-order"].index("jq")
    assert {"autotools", "c"} <= {*listed["steps"], *listed["toolchains"]}
