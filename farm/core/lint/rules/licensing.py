"""Rules about license texts."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, NamedTuple

from farm.core.lint.finding import Severity
from farm.core.lint.rule import Remark, Rule
from farm.core.recipe.template import Templates

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
        first = seen.setdefault((item.package, posixpath.basename(item.path)), item.path)
        if first != item.path:
            yield Remark(
                item.node,
                f"{item.path} would replace {first}: the step license installs both under the same name",
                "In a step before, copy one under another name: cp tools/COPYING COPYING.tools.",
            )


class _Text(NamedTuple):
    """A license text, the directory below `share/licenses` that it goes to, and where a step names it."""

    package: str
    path: str
    node: Node


def _texts(written: WrittenRecipe) -> Iterator[_Text]:
    recipe = written.recipe
    templates = Templates(name=recipe.name, version=recipe.version, revision=recipe.revision)
    for step in written.at("steps").items:
        for name, arguments in step.pairs:
            if name.text in _STEPS:
                given = {key.text: value for key, value in arguments.pairs}
                package = templates.render(given["package"].text) if "package" in given else recipe.name
                for item in given["files"].items if "files" in given else ():
                    yield _Text(package, posixpath.normpath(templates.render(item.text)), item)


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
        reads=("steps",),
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
        reads=("name", "version", "revision", "steps"),
    ),
)
