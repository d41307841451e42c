"""The `tests` key of a recipe: commands that use what was built, and their expected output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files import values
from farm.core.files.fields import Fields
from farm.core.recipe.recipe import Test

if TYPE_CHECKING:
    from farm.core.files.document import Document, Node

KEYS = ("name", "run", "command", "prints", "matches", "exit", "needs", "minutes")


def read_tests(fields: Fields) -> tuple[Test, ...]:
    """Read `tests`; the names in `test-needs` are added to every one of them."""
    shared = fields.unique("test-needs", values.needed_name)
    tests = tuple(
        _read_test(fields.document, node, number, shared) for number, node in enumerate(fields.items("tests"), 1)
    )
    seen: set[str] = set()
    for node, test in zip(fields.items("tests"), tests, strict=True):
        if test.name in seen:
            fields.document.report(node, f"two tests are named {test.name}", "Give each its own name.")
        seen.add(test.name)
    return tests


def _read_test(document: Document, node: Node, number: int, shared: tuple[str, ...]) -> Test:
    fields = Fields(document, node, "a test", known=KEYS)
    if node.kind == "mapping" and ("run" in fields) == ("command" in fields):
        document.report(node, "a test has either run or command", "Write run for shell text, command for a list.")
    command = fields.texts("command")
    if "command" in fields and not command:
        fields.report("command", "command is empty")
    if "run" in fields and not fields.text("run").strip():
        fields.report("run", "run is empty")
    own = fields.unique("needs", values.needed_name)
    return Test(
        name=fields.line("name") or f"test {number}",
        run=fields.text("run"),
        command=command,
        prints=fields.text("prints") if "prints" in fields else None,
        matches=fields.parsed("matches", values.pattern),
        exit=fields.integer("exit", 0, most=255),
        needs=tuple(dict.fromkeys(shared + own)),
        minutes=fields.integer("minutes", 5, least=1, most=120),
    )
