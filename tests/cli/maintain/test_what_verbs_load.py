"""The verbs of a maintainer's day load no code that they have no use for: each start of them would take longer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[3] / "recipes"
_PROGRAM = """
import sys
from farm.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    print(*sys.modules, file=sys.stderr)
"""
_OF_A_BUILD = {"docker", "httpcore", "httpx", "requests", "securesystemslib", "tuf"}
_OF_A_SERVER = {"alembic", "celery", "fastapi", "sqlalchemy", "sqlmodel", "uvicorn"}


def loaded(program: str, *words: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", program, *words], check=True, capture_output=True, text=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "words", [("lint", "figlet"), ("test", "--list", "figlet"), ("graph", "figlet"), ("schema", "recipe")]
)
def test_what_only_reads_recipes_loads_nothing_of_builds(words: tuple[str, ...]) -> None:
    recipes = () if words[0] == "schema" else ("--recipes", str(RECIPES))
    modules = loaded(_PROGRAM, *words, *recipes)
    assert not {name.partition(".")[0] for name in modules} & (_OF_A_BUILD | _OF_A_SERVER)


def test_a_build_loads_no_code_of_downloads_comparisons_and_gates() -> None:
    modules = loaded("import sys, farm.build.local.builds; print(*sys.modules, file=sys.stderr)")
    assert not {name.partition(".")[0] for name in modules} & {"anyio", "httpcore", "httpx", *_OF_A_SERVER}
    assert not modules & {
        "farm.build.abi.comparison",
        "farm.build.local.gates",
        "farm.build.sources.archives.as_tar",
        "farm.core.sets.proof.prover",
        "farm.store.http.download",
    }
