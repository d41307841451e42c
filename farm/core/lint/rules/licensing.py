"""Rules about license texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from farm.core.lint.finding import Severity
from farm.core.lint.rule import Remark, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.files.document import Node
    from farm.core.lint.written import WrittenRecipe
    from farm.core.recipe.recipe import Step

_DIRECTORY = "share/licenses"
_STEPS = ("license", "licence")


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


def _one_name_twice(written: WrittenRecipe) -> Iterator[Remark]:
    seen: dict[tuple[str, str], str] = {}
    for item in _texts(written):
        package, text = item.package, item.node.text
        first = seen.setdefault((package, text.rpartition("/")[2]), text)
        if first != text:
            yield Remark(
                item.node,
                f"{text} would replace {first}: the step license installs both under the same name",
                "In a step before, copy one under another name: cp tools/COPYING COPYING.tools.",
            )


class _Text(NamedTuple):
    """A license text as a step names it, and the directory below `share/licenses` that it goes to."""

    package: str
    node: Node


def _texts(written: WrittenRecipe) -> Iterator[_Text]:
    for step in written.at("steps").items:
        for name, arguments in step.pairs:
            if name.text in _STEPS:
                given = {key.text: value for key, value in arguments.pairs}
                package = given["package"].text if "package" in given else written.recipe.name
                yield from (_Text(package, item) for item in (given["files"].items if "files" in given else ()))


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
    Rule(
        "L102",
        "license-text-replaced",
        Severity.ERROR,
        "The step `license` installs each text under the last part of its path. Of two texts of one name, only the "
        "second would be shipped.",
        "steps:\n  - license: {files: [COPYING, tools/COPYING]}\n",
        "steps:\n  - run: cp tools/COPYING COPYING.tools\n  - license: {files: [COPYING, COPYING.tools]}\n",
        _one_name_twice,
        allowable=False,
    ),
)
