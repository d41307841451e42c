"""What a reader expects of each node of a sample, and the JSON Schema (draft 2020-12) that follows from it.

A schema is exactly as strict as what readers tell by `Document.declare`; a sample decides only which branches of a
reader are taken. It has to show every key, and every kind that a value may have. A comment above a key describes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from farm.core.files.document import Node

JsonSchema: TypeAlias = "dict[str, Any]"

_TYPES = {"text": "string", "integer": "integer", "number": "number", "boolean": "boolean", "nothing": "null"}
_OWN = ("kinds", "known", "required")


class Observation:
    """Collects what a reader expects of the nodes of one sample; the first of them is the root."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._nodes: dict[int, Node] = {}
        self._forms: dict[int, dict[str, Any]] = {}

    def __call__(self, node: Node, form: Mapping[str, Any]) -> None:
        """Note what is expected of a node: of several kinds, those that every reader of it accepts."""
        self._nodes.setdefault(id(node), node)
        known = self._forms.setdefault(id(node), {})
        if "kinds" in known and "kinds" in form:
            form = {**form, "kinds": tuple(kind for kind in known["kinds"] if kind in form["kinds"]) or form["kinds"]}
        known.update(form)

    def schema(self) -> JsonSchema:
        """Return the schema of the whole sample."""
        return self._schema(next(iter(self._nodes.values())))

    def _schema(self, node: Node) -> JsonSchema:
        form = self._forms.get(id(node), {})
        keywords = {key: list(value) if key == "enum" else value for key, value in form.items() if key not in _OWN}
        if node.kind == "list":
            return {"type": "array", "items": merged(map(self._schema, node.items))} | keywords
        if node.kind == "mapping":
            return self._mapping(node, form) | keywords
        kinds = form.get("kinds", (node.kind,))
        types = {_TYPES[kind] for kind in kinds if kind in _TYPES}
        types -= {"integer"} if "number" in types else set()
        return {"type": sorted(types)[0] if len(types) == 1 else sorted(types)} | keywords

    def _mapping(self, node: Node, form: Mapping[str, Any]) -> JsonSchema:
        if "known" not in form:
            schema: JsonSchema = {
                "type": "object",
                "additionalProperties": merged(self._schema(value) for _, value in node.pairs),
            }
            names = merged(self._schema(key) for key, _ in node.pairs)
            return schema | ({"propertyNames": names} if "pattern" in names else {})
        shown = {key.text: self._described(key, self._schema(value)) for key, value in node.pairs}
        schema = {
            "type": "object",
            "properties": {key: shown.get(key, {}) for key in form["known"]},
            "additionalProperties": False,
        }
        return schema | ({"required": list(form["required"])} if form.get("required") else {})

    def _described(self, key: Node, schema: JsonSchema) -> JsonSchema:
        """Add the comment above a key, if the key is the first thing on its line."""
        comment: list[str] = []
        number = key.line - 1
        if self._lines[number][: key.column - 1].strip(" -"):
            return schema
        while number > 0 and (line := self._lines[number - 1].strip()).startswith("#"):
            comment.insert(0, line.lstrip("# "))
            number -= 1
        return {"description": " ".join(comment)} | schema if comment else schema


def merged(schemas: Iterable[JsonSchema]) -> JsonSchema:
    """Return a schema that accepts what one of several accepts, with alternatives only where they cannot be one."""
    variants: list[JsonSchema] = []
    descriptions: list[str] = []
    for schema in schemas:
        for variant in schema.get("anyOf", [schema]) if schema else []:
            bare = {key: value for key, value in variant.items() if key != "description"}
            place = next((n for n, other in enumerate(variants) if _can_merge(other, bare)), None)
            if place is None:
                variants.append(bare)
            else:
                variants[place] = _merge(variants[place], bare)
        descriptions += [text for text in (schema.get("description", ""), *_of_variants(schema)) if text]
    whole = variants[0] if len(variants) == 1 else {"anyOf": variants} if variants else {}
    return ({"description": descriptions[0]} if descriptions and whole else {}) | whole


def _of_variants(schema: JsonSchema) -> Sequence[str]:
    return [variant.get("description", "") for variant in schema.get("anyOf", ())]


def _can_merge(one: JsonSchema, other: JsonSchema) -> bool:
    if one.get("type") != other.get("type"):
        return False
    if one["type"] == "object":
        return set(one.get("properties", ())) == set(other.get("properties", ()))
    return one["type"] == "array" or ("enum" in one and "enum" in other) or one == other


def _merge(one: JsonSchema, other: JsonSchema) -> JsonSchema:
    both = one | other
    if "enum" in both:
        both["enum"] = list(dict.fromkeys((*one["enum"], *other["enum"])))
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(one.get(key), dict) and isinstance(other.get(key), dict):
            both[key] = merged((one[key], other[key]))
    if "properties" in one:
        both["properties"] = {
            key: merged((one["properties"][key], other["properties"][key])) for key in one["properties"]
        }
    return both
