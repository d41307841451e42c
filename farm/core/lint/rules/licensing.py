"""Rules about license texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.lint.finding import Severity
from farm.core.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.lint.written import WrittenRecipe
    from farm.core.recipe.recipe import Step

_DIRECTORY = "share/licenses"


def _no_text(written: WrittenRecipe) -> Iterator[Remark]:
    if not any(_installs(step) for step in written.recipe.steps):
        yield Remark(
            written.at("license"),
            "no step installs the license text",
            "Add the step license: {files: [COPYING]}, or install the text below $DESTDIR/usr/share/licenses.",
        )


def _installs(step: Step) -> bool:
    texts = (step.script, *step.arguments, *(value for _, value in step.environment))
    return any(_DIRECTORY in text for text in texts)


RULES = (
    Rule(
        "L101",
        "no-license-text",
        Severity.WARNING,
        "Most licenses require that their text comes with the program. The rule looks for the step `license`, or for "
        "`share/licenses` in a step. Where the software's own build installs the text there, allow the rule.",
        "steps:\n  - run: make install\n",
        "steps:\n  - run: make install\n  - license: {files: [COPYING]}\n",
        _no_text,
    ),
)
