"""The keys `requires` and `outputs` of a recipe: what packages require, and which parts are packages of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.files import values
from farm.core.files.fields import Fields, read_items, read_parsed
from farm.core.files.matching import InvalidValueError
from farm.core.names.declared import Output
from farm.core.recipe.distributions import check_known

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from farm.core.files.document import Document, Node

_KEYS = ("files", "requires")


def read_requires(fields: Fields, distributions: Collection[str] | None) -> tuple[str, ...]:
    """Read `requires`, of a recipe or of an output; full names are of one of these `distributions`, where given."""
    return fields.unique("requires", _requirement(distributions))


def read_outputs(fields: Fields, recipe: str, distributions: Collection[str] | None) -> tuple[Output, ...]:
    """Read `outputs`: each a list of paths, or a mapping of these and what the output requires."""
    outputs = []
    for key, value in fields.pairs("outputs"):
        name = read_parsed(fields.document, key, "an output", values.word) or ""
        if value.kind != "mapping":
            outputs.append(Output(name, _paths(fields.document, value, name)))
            continue
        part = Fields(fields.document, value, f"the output {name}", known=_KEYS, required=("files",))
        requires = read_requires(part, distributions)
        if name and f"{recipe}-{name}" in requires:
            part.report("requires", f"{recipe}-{name} cannot require itself", f"Remove {recipe}-{name}.")
        files = part.get("files")
        outputs.append(Output(name, _paths(fields.document, files, name) if files else (), requires))
    return tuple(outputs)


def _paths(document: Document, node: Node, name: str) -> tuple[str, ...]:
    items = read_items(document, node, f"the output {name}")
    paths = (read_parsed(document, item, "each path of an output", values.package_path) for item in items)
    if node.kind == "list" and not items:
        document.report(node, f"the output {name} names no paths")
    return tuple(path for path in paths if path)


def _requirement(distributions: Collection[str] | None) -> Callable[[str], str]:
    seen: set[str] = set()

    def check(text: str) -> str:
        need = values.requirement(text)
        name = need.partition("=")[0]
        if distributions is not None:
            check_known(name, distributions)
        if name in seen:
            # Two versions of one package are never in one set.
            raise InvalidValueError(f"requires names {name} twice", remedy="Keep one of them.")
        seen.add(name)
        return need

    return check
