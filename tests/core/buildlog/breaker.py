"""Breaks recipes at random, from a seed, and keeps the logs of the builds that fail.

    python -m tests.core.buildlog.breaker SEED COUNT DIRECTORY [WITHOUT...]

builds broken copies of `recipes/` and of the recipes in `software` with `farm build` until COUNT have failed, and
writes the log of each to DIRECTORY. What the first error of each is, a person reads and writes down, before anything
else does: what `farm build` prints of it is thrown away here. WITHOUT names breakages and recipes to leave out.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.core.buildlog.breaking import build_files, code, programs, recipes, simple
from tests.core.buildlog.breaking.steps import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPES = Path(__file__).parents[3] / "recipes"
SOFTWARE = Path(__file__).parent / "software"
NAMES = (
    *"bzip2 figlet fmt json-c kmod lz4 oniguruma pkgconf spdlog zlib zstd".split(),  # noqa: SIM905
    *sorted(path.stem for path in SOFTWARE.glob("*.yaml")),
)
_MOST_BYTES = 200_000
_MOST_OF_A_NAME = 2

BREAKAGES: tuple[Callable[[str, random.Random], str], ...] = (
    simple.drop_need, simple.cut_header, simple.delete_source, simple.delete_header, simple.empty_source,
    simple.drop_semicolon, simple.wrong_flag, simple.wrong_library, simple.bad_patch,
    recipes.warnings_as_errors, recipes.old_standard, recipes.wrong_linker_flag, recipes.wrong_compiler_flag,
    recipes.wrong_option, recipes.wrong_patch, recipes.low_limit, recipes.use_network,
    code.drop_endif, code.open_comment, code.garble_header, code.change_prototype, code.cut_code, code.rename_function,
    code.misspell_include, code.misspell_variable, code.require_macro, code.bad_template, code.wrong_assumption,
    code.bad_assembly, code.define_twice, code.break_two_files,
    build_files.spaces_for_tab, build_files.drop_conditional_end, build_files.misspell_tool,
    build_files.misspell_prerequisite, build_files.lose_library, build_files.misspell_cmake_command,
    build_files.drop_cmake_parenthesis, build_files.cmake_needs_more, build_files.meson_needs_more,
    build_files.misspell_meson_function, build_files.lose_build_file, build_files.windows_lines,
    build_files.not_executable, build_files.cut_configure, build_files.undefined_macro,
    programs.break_expectation, programs.break_expected_output, programs.crash_test, programs.lose_python_module,
    programs.break_python, programs.raise_in_python, programs.break_script, programs.lose_file_at_install,
    programs.install_outside, programs.misspell_in_step,
)  # fmt: skip


def main(seed: int, count: int, directory: Path, *without: str) -> None:
    """Draw until enough builds have failed: each breakage fails one at most, and each software two."""
    chance = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    drawn: set[tuple[str, str]] = set()
    used: Counter[str] = Counter()
    found = 0
    while found < count:
        breakage, name = chance.choice(BREAKAGES), chance.choice(NAMES)
        kind = breakage.__name__
        if kind in without or name in without:
            continue
        recipe = recipe_of(name)
        broken = breakage(recipe, chance)
        if broken in ("", recipe) or (kind, name) in drawn or used[kind] or used[name] == _MOST_OF_A_NAME:
            continue
        drawn.add((kind, name))
        log = build(name, broken)
        print(f"{kind} of {name} ->", "no log" if not log else f"{len(log)} bytes", flush=True)
        if log:
            found += 1
            used.update((kind, name))
            (directory / f"{found:02}-{name}-{kind.replace('_', '-')}.log").write_bytes(trimmed(log))


def recipe_of(name: str) -> str:
    software = SOFTWARE / f"{name}.yaml"
    return (software if software.exists() else RECIPES / "packages" / name / "recipe.yaml").read_text()


def build(name: str, recipe: str) -> bytes:
    """Build a recipe in a copy of the tree; return its log, nothing if it succeeds, cannot begin, or was not broken."""
    log = Path(os.environ["FARM_STATE"]) / "logs" / f"{name}.log"
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "recipes"
        shutil.copytree(RECIPES, tree)
        (tree / "packages" / name).mkdir(exist_ok=True)
        (tree / "packages" / name / "recipe.yaml").write_text(recipe)
        log.unlink(missing_ok=True)
        done = subprocess.run(["farm", "build", name, "--recipes", str(tree)], check=False, capture_output=True)
    if done.returncode == 0 or not log.exists():
        return b""
    written = log.read_bytes()
    return b"" if NOTHING.encode() in written else written


def trimmed(log: bytes) -> bytes:
    """Return a log without the middle of its part before the end, where it is too long to keep."""
    if len(log) <= _MOST_BYTES:
        return log
    begin, end = log[: _MOST_BYTES // 4], log[-_MOST_BYTES * 3 // 4 :]
    return begin[: begin.rfind(b"\n") + 1] + end[end.find(b"\n") + 1 :]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), *sys.argv[4:])
