"""The one table of extras: it agrees with what is installed for each, and with what the program imports."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from farm import __version__
from farm.cli.rendering import say_error
from farm.extras import MODULES_OF, MissingExtraError, missing_extra

ROOT = Path(__file__).parents[2]
_PROGRAMS = ("farm", "web", "workers")
_ELSEWHERE = {"pip": "of the interpreter that farm.build.sources.pip_sdist runs in"}


def brought_by(extra: str) -> set[str]:
    """Return the modules of all distributions that farm needs with an extra (empty: without any), and their needs."""
    modules = {}
    for module, names in metadata.packages_distributions().items():
        for name in names:
            modules.setdefault(canonicalize_name(name), set()).add(module)
    found: set[str] = set()
    pending = [("farm", extra)]
    seen: set[tuple[str, str]] = set()
    while pending:
        name, wanted = pending.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        found |= modules.get(name, set())
        for line in metadata.requires(name) or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": wanted}):
                pending += [(canonicalize_name(need.name), needed_extra) for needed_extra in ("", *need.extras)]
    return found


def loaded(node: ast.AST) -> set[str]:
    """Return the top-level modules that a file imports, except imports for types alone."""
    found = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Import):
            found |= {name.name.partition(".")[0] for name in child.names}
        elif isinstance(child, ast.ImportFrom):
            found.add(str(child.module).partition(".")[0])
        found |= loaded(child)
    return found - set(sys.stdlib_module_names) - {*_PROGRAMS, *_ELSEWHERE}


def test_an_extra_brings_the_modules_that_the_table_says_and_less_brings_none_of_them() -> None:
    for extra, modules in MODULES_OF.items():
        assert set(modules) <= brought_by(extra), extra
        assert set(modules).isdisjoint(brought_by("")), extra


def test_all_that_the_programs_load_comes_with_farm_or_stands_in_the_table() -> None:
    files = [file for program in _PROGRAMS for file in (ROOT / program).rglob("*.py")]
    needed = set().union(*(loaded(ast.parse(file.read_text())) for file in files))
    in_table = {module for modules in MODULES_OF.values() for module in modules}
    assert needed - brought_by("") - in_table - brought_by("server") == set()
    assert {module for module in needed & brought_by("server") if module not in brought_by("")} <= in_table


@pytest.mark.parametrize(
    ("verb", "module", "extra"),
    [
        ("up", "pydantic", "server"),
        ("up", "sqlmodel", "server"),
        ("jobs", "pydantic", "build"),
        ("log", "httpx", "build"),
    ],
)
def test_a_missing_module_tells_what_to_install(
    verb: str, module: str, extra: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = missing_extra(verb, ModuleNotFoundError(name=f"{module}.deeper"))
    assert isinstance(found, MissingExtraError)
    assert (found.code, found.exit_status) == ("missing-extra", os.EX_UNAVAILABLE)
    say_error(found)
    message = capsys.readouterr().err
    wheel = f"'./farm-{__version__}-py3-none-any.whl[{extra}]'"
    help_text = f"Install the wheel of farm with it: pip install {wheel}, or pipx install --force {wheel}"
    assert message == f"error: farm {verb} needs farm[{extra}]\n help: {help_text}\n"


@pytest.mark.parametrize("name", ["farm.cli.gone", "tuf", None])
def test_a_module_that_no_extra_brings_is_a_fault_of_farms_own(name: str | None) -> None:
    assert missing_extra("run", ModuleNotFoundError(name=name)) is None


@pytest.mark.parametrize(
    ("program", "extra"),
    [
        ("web", "server"),
        ("workers.control", "server"),
        ("workers.signer", "server"),
        ("workers.checker", "server"),
        ("workers.build", "worker"),
    ],
)
def test_a_program_without_its_extra_tells_what_to_install(program: str, extra: str) -> None:
    missing = [module for modules in MODULES_OF.values() for module in modules]
    start = f"import runpy, sys; sys.modules |= dict.fromkeys({missing}); "
    start += f"runpy.run_module({program!r}, run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == os.EX_UNAVAILABLE
    assert ended.stderr.startswith(f"error: python -m {program} needs farm[{extra}]")
    assert f"farm-{__version__}-py3-none-any.whl[{extra}]'" in ended.stderr
    assert "Traceback" not in ended.stderr
