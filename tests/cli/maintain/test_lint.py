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
    told = json.loads(capsys.readouterr().out)
    assert told["channels"] == ["edge", "stable"]
    assert sorted(told["build-order"]) == told["recipes"]
    assert told["build-order"].index("oniguruma") < told["build-order"].index("jq")
    assert {"autotools", "c"} <= {*told["steps"], *told["toolchains"]}
