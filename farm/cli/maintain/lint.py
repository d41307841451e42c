"""`farm lint`: check a tree of recipes, and how its recipes are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.maintain.completion import rule_codes
from farm.cli.options import json_option
from farm.cli.output import moving_line, say, say_lines, styled, tell_result
from farm.cli.recipes_option import recipes_option
from farm.cli.settings import Settings
from farm.core.names.wording import counted
from farm.core.recipe.declared_sources import RECIPE_FILE
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from farm.cli.output import Line
    from farm.core.lint.finding import LintFinding
    from farm.core.lint.lint import LintReport
    from farm.core.policy.tree import RecipeTree


@click.command()
@click.argument("names", metavar="[NAME|PATH]...", nargs=-1)
@recipes_option
@click.option("--strict", is_flag=True, help="Exit with status 1 for warnings too.")
@click.option(
    "--select",
    multiple=True,
    metavar="CODE",
    shell_complete=rule_codes,
    help="Run only this rule, or family (S101, S); repeatable.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="CODE",
    shell_complete=rule_codes,
    help="Leave out this rule, or family; repeatable.",
)
@click.option(
    "--explain", metavar="CODE", shell_complete=rule_codes, help="Explain a rule, with examples, and check nothing."
)
@json_option
def lint(
    *,
    names: tuple[str, ...],
    recipes: Path | None,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    explain: str | None,
    as_json: bool,
) -> int:
    """Check all recipes, steps, toolchains and channels of a tree, their dependencies, and how recipes are written.

    With names of recipes or with paths, only these are checked; a directory outside the tree is checked as
    a recipe of it. Shell text is checked by bash and shellcheck, where they are installed. Exits with status 1 for
    errors, and with 0 for warnings alone.

    \b
    Example:
      farm lint jq
    """
    from farm.build.recipe_directory import read_recipe_directory
    from farm.build.shell_check import ShellPrograms
    from farm.core.lint.lint import lint_tree
    from farm.core.lint.registry import rule_named
    from farm.core.lint.selection import Selection

    if explain:
        say_lines(rule_named(explain).page().rstrip().split("\n"))
        return 0
    root = recipes or Settings.from_environment().recipes
    files, within = _chosen(read_recipe_directory(root), root, names)
    selection = Selection.of(select, ignore)
    with moving_line() as show:
        report = lint_tree(files, within=within, selection=selection, shell=ShellPrograms.installed(show))
    failed = bool(report.errors or (strict and report.warnings))
    _tell(report, names, failed=failed, as_json=as_json)
    return int(failed)


def _chosen(files: dict[str, bytes], root: Path, names: Sequence[str]) -> tuple[dict[str, bytes], tuple[str, ...]]:
    """Return the files of the tree, and the beginnings of the paths to lint.

    Raises `UnknownRecipeError`, and the error `not-a-recipe` for a path of something else.
    """
    from farm.build.recipe_directory import name_of_recipe, with_recipe
    from farm.core.plan.graph import UnknownRecipeError
    from farm.core.policy.tree import recipe_directories

    known, shown = recipe_directories(files), []
    for name in names:
        path = Path(name)
        if name in known:
            shown.append(f"packages/{name}/")
        elif not path.exists():
            raise UnknownRecipeError(name, known)
        elif path.resolve().is_relative_to(root.resolve()):
            shown.append(_within(files, root, path))
        else:
            directory = path if path.is_dir() else path.parent
            if not (directory / RECIPE_FILE).is_file():
                raise _without_recipe(path, directory)
            files = with_recipe(files, directory)
            shown.append(f"packages/{name_of_recipe(directory)}/")
    return files, tuple(shown) or ("",)


def _within(files: Collection[str], root: Path, path: Path) -> str:
    """Return the beginning of the paths of what a path within the tree names; of a file beside a recipe, the recipe."""
    from farm.core.policy.tree import is_of_tree

    parts = path.resolve().relative_to(root.resolve()).parts
    if parts[:1] == ("packages",):
        parts = parts[:2]
    directory = root / Path(*parts)
    inside = "".join(f"{part}/" for part in parts) if directory.is_dir() else "/".join(parts)
    if len(parts) == 2 and inside.startswith("packages/") and f"{inside}{RECIPE_FILE}" not in files:
        raise _without_recipe(path, directory)
    if any(is_of_tree(file) for file in files if file.startswith(inside)):
        return inside
    raise _not_a_recipe(f"{path} is nothing that is checked: no recipe, step, toolchain or channel of {root}")


def _without_recipe(path: Path, directory: Path) -> FarmError:
    return _not_a_recipe(f"{path} is no recipe: there is no {directory / RECIPE_FILE}")


def _not_a_recipe(message: str) -> FarmError:
    remedy = "Name a recipe, a directory with a recipe.yaml, or a file of the tree of recipes."
    return FarmError(message, remedy=remedy, code="not-a-recipe")


def _tell(report: LintReport, names: tuple[str, ...], *, failed: bool, as_json: bool) -> None:
    sheet = _sheet(report.tree)
    if as_json:
        listed = [finding.to_dict() for finding in report.findings]
        tell_result([], sheet | {"build-order": report.order, "findings": listed}, as_json=True)
        return
    _say_findings(report.findings)
    kinds = ((len(report.errors), "error"), (len(report.warnings), "warning"))
    if report.findings:
        say(", ".join(counted(number, kind) for number, kind in kinds if number), err=True)
    if not failed:
        counts = ", ".join(f"{len(found)} {kind}" for kind, found in sheet.items())
        say(f"{' '.join(names) or counts}: OK")
        if report.order and not names:
            say(f"build order: {' '.join(report.order)}")


def _sheet(tree: RecipeTree) -> dict[str, list[str]]:
    return {
        "recipes": sorted(tree.recipes),
        "steps": sorted(tree.steps.definitions),
        "toolchains": sorted(tree.toolchains),
        "channels": sorted(tree.channels),
    }


def _say_findings(findings: Iterable[LintFinding]) -> None:
    """Print findings on standard error, an empty line after each."""
    from farm.core.lint.finding import Severity

    for finding in findings:
        place, problem = finding.problem.place, finding.problem
        label: Line = styled(finding.label, fg="red" if finding.severity is Severity.ERROR else "yellow", bold=True)
        first = styled(f"{place}: ") + label + f": {problem.message}"
        say_lines([first, *problem.lines()[1:], ""], err=True)
