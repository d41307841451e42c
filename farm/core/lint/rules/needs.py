"""Rules about the packages that a recipe names."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from farm.core.lint.finding import Severity
from farm.core.lint.rule import Remark, Rule
from farm.core.lint.written import package_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farm.core.lint.written import WrittenRecipe


def _unsorted(written: WrittenRecipe) -> Iterator[Remark]:
    for key, items in written.lists_of_needs():
        for before, item in pairwise(items):
            if package_of(item) < package_of(before):
                message = f"{package_of(item)} stands after {package_of(before)} in {key}"
                yield Remark(item, message, "Sort the list by name.")
                break


def _of_the_toolchain(written: WrittenRecipe) -> Iterator[Remark]:
    for key, items in written.lists_of_needs():
        for item in items if key == "requires" else ():
            if package_of(item) in written.runtime:
                name = package_of(item)
                message = f"the toolchain {written.recipe.toolchain} adds {name} to what every package requires"
                yield Remark(item, message, "Remove it.")


def _repeated(written: WrittenRecipe) -> Iterator[Remark]:
    shared = {item.text for key, items in written.lists_of_needs() if key == "test-needs" for item in items}
    for key, items in written.lists_of_needs():
        for item in items:
            if key == "needs" and item.text in shared:
                yield Remark(item, f"test-needs has {item.text} for every test", "Remove it here.")
            elif key in ("needs", "test-needs") and item.text == written.recipe.name:
                yield Remark(item, "every test has the recipe's own package", "Remove it.")


UNKNOWN_NEED = Rule(
    "N001",
    "unknown-need",
    Severity.ERROR,
    "`build-needs`, `requires`, `test-needs` and the `needs` of tests name packages that a recipe of the tree "
    "makes. A recipe with errors of its own counts.",
    "build-needs: [zilb]\n",
    "build-needs: [zlib]\n",
    allowable=False,
)
CYCLE = Rule(
    "N002",
    "dependency-cycle",
    Severity.ERROR,
    "Recipes that need each other to be built can never be built: each waits for the others. A smaller build of "
    "one of them under another name often breaks the cycle.",
    "build-needs: [greeter]  # which has build-needs: [hello]\n",
    "build-needs: [zlib]\n",
    allowable=False,
)

RULES = (
    UNKNOWN_NEED,
    CYCLE,
    Rule(
        "N101",
        "unsorted-needs",
        Severity.WARNING,
        "The order of needs means nothing. Sorted, they are found quickly, and changes of two people meet less often.",
        "build-needs: [zlib, bash]\n",
        "build-needs: [bash, zlib]\n",
        _unsorted,
    ),
    Rule(
        "N102",
        "need-of-the-toolchain",
        Severity.WARNING,
        "The `runtime` of a toolchain (the C library, the compiler's libraries) is required by all that it builds.",
        "requires: [glibc]\n",
        "requires: [zlib]\n",
        _of_the_toolchain,
    ),
    Rule(
        "N103",
        "repeated-test-need",
        Severity.WARNING,
        "A test has the package itself with its closure, what `test-needs` names, and its own `needs`.",
        "test-needs: [bash]\ntests:\n  - run: hello | grep Hello\n    prints: Hello, world.\n    needs: [bash]\n",
        "test-needs: [bash]\ntests:\n  - run: hello | grep Hello\n    prints: Hello, world.\n",
        _repeated,
    ),
)
