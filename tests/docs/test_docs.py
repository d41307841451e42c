"""The pages name every verb, route and variable; everything that they show exists, and every link leads somewhere."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

import web.api
from farm.cli import places, settings
from farm.cli.main import farm

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
TEXT = "\n".join(page.read_text() for page in PAGES)

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|\s)#\s.*$", re.MULTILINE)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Z_]+=.*")


def names_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def verbs(
    command: click.Command, words: tuple[str, ...] = ("farm",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every verb that runs, with its words."""
    if not isinstance(command, click.Group):
        yield words, command
        return
    context = click.Context(command, info_name=words[-1])
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from verbs(found, (*words, name))


def routes() -> Iterator[str]:
    """Yield every route of the API as `METHOD /path`."""
    for module in pkgutil.iter_modules(web.api.__path__):
        router = getattr(importlib.import_module(f"web.api.{module.name}"), "router", None)
        if isinstance(router, APIRouter):
            for route in router.routes:
                assert isinstance(route, APIRoute)
                yield from (f"{method} {route.path}" for method in sorted(route.methods))


def variables() -> set[str]:
    """Return the variables that `Settings` reads, found in its source and in that of `places`."""
    found = set()
    for module in (settings, places):
        assert module.__file__ is not None
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "os.environ.get":
                assert isinstance(node.args[0], ast.Constant)
                found.add(str(node.args[0].value))
    return found


def shown_commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each `farm …` command that a page shows in a fenced block."""
    for language, block in _FENCE.findall(text):
        if language != "sh":
            lines = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith(("$ ", "farm "))]
            block = "\n".join(lines)  # noqa: PLW2901  # the rest is what was printed, or no shell
        yield from farm_commands(block)


def farm_commands(shell: str) -> Iterator[list[str]]:
    """Yield the `farm` commands of shell text, without assignments before them and pipes after them."""
    lexer = shlex.shlex(_COMMENT.sub("", shell.replace("\\\n", " ")), posix=True, punctuation_chars="|&;<>\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    command: list[str] = []
    for word in [*lexer, ";"]:
        if word and set(word) <= set("|&;<>\n"):
            if command[:1] == ["farm"]:
                yield command
            command = []
        elif command or not _ASSIGNMENT.fullmatch(word):
            command.append(word)


def code_in_prose(text: str) -> Iterator[str]:
    """Yield what stands in backticks outside of fenced blocks."""
    for _, span in _CODE.findall(_FENCE.sub("", text)):
        yield " ".join(span.split())


def commands_in_prose(text: str) -> Iterator[list[str]]:
    """Yield the words of each `farm …` command within a sentence."""
    for span in code_in_prose(text):
        if span.startswith("farm "):
            yield from farm_commands(span)


def sections(text: str) -> list[str]:
    """Return the parts of a page that begin with a heading of the second level."""
    return re.split(r"^(?=## )", text, flags=re.MULTILINE)


def options_of(words: list[str]) -> set[str]:
    """Return the options that the verb of a command has."""
    command, _ = verb_of(words)
    return {option for parameter in command.params for option in parameter.opts} | {"--help"}


def verb_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the verb of a command, and the words after it."""
    command: click.Command = farm
    context, rest = click.Context(command, info_name="farm"), words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
    return command, rest


def check(words: list[str], *, complete: bool = True) -> None:
    """Raise `click.UsageError` for a command that does not exist, or does not have these options.

    A sentence may leave out what a verb requires: then a command is not `complete`.
    """
    command, rest = verb_of(words)
    context = click.Context(command, info_name=" ".join(words[: len(words) - len(rest)]))
    # `farm run` passes unknown options on, so a misspelled one would pass there.
    context.ignore_unknown_options = False
    given, _, _ = command.make_parser(context).parse_args(list(rest))
    for parameter in command.params:
        if complete and parameter.required and not given.get(str(parameter.name)):
            raise click.UsageError(f"{parameter.name} is missing: {' '.join(words)}")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_verb_is_in_the_pages() -> None:
    assert [" ".join(words) for words, _ in verbs(farm) if " ".join(words) not in TEXT] == []


def test_every_route_of_the_api_is_in_the_pages() -> None:
    assert len(list(routes())) > 20
    assert [route for route in routes() if f"`{route}`" not in TEXT] == []


def test_the_pages_show_no_route_that_is_gone() -> None:
    shown = set(re.findall(r"^\| `([A-Z]+ /api/[^`]*)`", TEXT, re.MULTILINE))
    assert shown - set(routes()) == set()


def test_every_variable_is_in_the_pages() -> None:
    assert "FARM_STATE" in variables()
    assert [name for name in sorted(variables()) if f"`{name}`" not in TEXT] == []


@pytest.mark.parametrize("page", PAGES, ids=names_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(_FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=names_of)
def test_every_command_that_is_shown_exists(page: Path) -> None:
    wrong = []
    for words in shown_commands(page.read_text()):
        try:
            check(words)
        except click.UsageError as error:
            wrong.append(f"{' '.join(words)}: {error.message}")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=names_of)
def test_every_command_in_a_sentence_exists(page: Path) -> None:
    wrong = []
    for words in commands_in_prose(page.read_text()):
        try:
            check(words, complete=False)
        except click.BadOptionUsage:
            continue  # an option without its value is how a sentence names it
        except click.UsageError as error:
            wrong.append(f"{' '.join(words)}: {error.message}")
    assert wrong == []


@pytest.mark.parametrize("page", [ROOT / "docs" / name for name in ("maintain.md", "submissions.md")], ids=names_of)
def test_every_option_in_a_sentence_is_of_a_verb_of_its_section(page: Path) -> None:
    wrong = []
    for section in sections(page.read_text()):
        shown = [words for words in (*shown_commands(section), *commands_in_prose(section)) if len(words) > 1]
        known = {option for words in shown for option in options_of(words)}
        spans = [span.split()[0] for span in code_in_prose(section) if span.startswith("--")]
        wrong += [f"{section.splitlines()[0]}: {option}" for option in spans if option not in known]
    assert wrong == []


def test_commands_are_found_in_shell() -> None:
    shell = "FARM_URL=x farm jobs --json | jq . && farm run jq -- jq -n '1 | 2'  # a note\ncurl '\n'\nfarm \\\n  lint\n"
    assert list(farm_commands(shell)) == [
        ["farm", "jobs", "--json"],
        ["farm", "run", "jq", "--", "jq", "-n", "1 | 2"],
        ["farm", "lint"],
    ]


def test_the_pages_show_many_commands() -> None:
    assert sum(1 for page in PAGES for _ in shown_commands(page.read_text())) > 30


@pytest.mark.parametrize("line", ["farm bild jq", "farm jobs --stat failed", "farm install jq", "farm run --vrbose jq"])
def test_what_does_not_exist_is_noticed(line: str) -> None:
    (words,) = farm_commands(line)
    with pytest.raises(click.UsageError):
        check(words)
