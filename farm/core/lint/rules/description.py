"""Rules about what a recipe says of its software: summary and home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.lint.finding import Severity
from farm.core.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.lint.written import WrittenRecipe

LONGEST_SUMMARY = 90
_ARTICLES = ("a", "an", "the")


def _article(written: WrittenRecipe) -> Iterator[Remark]:
    first, _, _ = written.recipe.summary.partition(" ")
    if first.lower() in _ARTICLES:
        yield Remark(written.at("summary"), f"summary begins with the article {first!r}", "Leave the article out.")


def _own_name(written: WrittenRecipe) -> Iterator[Remark]:
    first = written.recipe.summary.partition(" ")[0].strip(",:;")
    if first.lower() == written.recipe.name and first.lower() not in _ARTICLES:
        yield Remark(
            written.at("summary"),
            "summary begins with the package's name, which every list shows before it",
            "Say what it is, without the name.",
        )


def _long(written: WrittenRecipe) -> Iterator[Remark]:
    length = len(written.recipe.summary)
    if length > LONGEST_SUMMARY:
        message = f"summary has {length} characters, and lists show {LONGEST_SUMMARY}"
        yield Remark(written.at("summary"), message, "Shorten it.")


def _no_home(written: WrittenRecipe) -> Iterator[Remark]:
    if not written.recipe.home and any(source.url for source in written.recipe.sources):
        yield Remark(written.at("name"), "the recipe fetches its source and names no home", "Add home, with its page.")


RULES = (
    Rule(
        "D101",
        "summary-article",
        Severity.WARNING,
        "A summary is a phrase in a list; an article at its beginning tells nothing.",
        "summary: A program that greets\n",
        "summary: Program that greets\n",
        _article,
        reads=("summary",),
    ),
    Rule(
        "D102",
        "summary-repeats-name",
        Severity.WARNING,
        "Lists show the name before the summary.",
        "summary: hello, a program that greets\n",
        "summary: Program that greets\n",
        _own_name,
        reads=("name", "summary"),
    ),
    Rule(
        "D103",
        "long-summary",
        Severity.WARNING,
        f"A summary of more than {LONGEST_SUMMARY} characters does not fit a line. (More than 120 are an error.)",
        "summary: Program that greets people by their names, in the morning, at noon, in the evening and at night\n",
        "summary: Program that greets people by their names\n",
        _long,
        reads=("summary",),
    ),
    Rule(
        "D104",
        "no-home",
        Severity.WARNING,
        "Who looks at a package wants to find the project that its source comes from.",
        "source:\n  url: https://example.org/hello-{{ version }}.tar.gz\n"
        "  sha256: fc75b1824aba7a954ef0886371d951c3bf4b6e0a921d1aefc553f309702d6ed1\n",
        "home: https://example.org/hello\nsource:\n  url: https://example.org/hello-{{ version }}.tar.gz\n"
        "  sha256: fc75b1824aba7a954ef0886371d951c3bf4b6e0a921d1aefc553f309702d6ed1\n",
        _no_home,
        reads=("home", "source"),
    ),
)
