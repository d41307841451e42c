"""Current clients send the same requests, down to the signed bytes, and understand the old answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.formats import kept
from tests.formats.reading import wire

if TYPE_CHECKING:
    from pathlib import Path

CONVERSATION = kept.read_json("wire.json")
API = kept.read_json("openapi.json")


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    exchanges = list(CONVERSATION["exchanges"])
    with wire.playing(exchanges):
        found = wire.converse("http://127.0.0.1:9", CONVERSATION["tokens"], tmp_path_factory.mktemp("wire"))
    assert exchanges == []
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


@pytest.mark.parametrize("what", CONVERSATION["came"])
def test_a_client_asks_as_it_asked_and_understands_the_answer(came: dict[str, Any], what: str) -> None:
    assert came[what] == CONVERSATION["came"][what]


def test_requests_of_workers_are_verified_and_signed_byte_for_byte() -> None:
    signed = [
        exchange["request"]
        for exchange in CONVERSATION["exchanges"]
        if "farm-signature" in exchange["request"]["headers"]
    ]
    assert len(signed) > 10
    for request in signed:
        assert wire.signed_as_then(request["method"], request["target"], request["headers"]), request["target"]


def test_the_api_describes_all_that_it_described(tmp_path: Path) -> None:
    application, database = wire.open_farm(tmp_path)
    found = json.loads(json.dumps(wire.openapi(application)))
    database.close()
    assert found["paths"].keys() >= API["paths"].keys()  # it may grow
    for path, known in API["paths"].items():
        assert found["paths"][path].keys() == known.keys()
        for method, described in known.items():
            now = found["paths"][path][method]
            asked, asked_before = _by_name(now), _by_name(described)
            assert all(_still_takes(asked.get(name), then) for name, then in asked_before.items()), (method, path)
            assert not any(asked[name]["required"] for name in asked.keys() - asked_before.keys()), (method, path)
            assert now["responses"].keys() == described["responses"].keys(), (method, path)
    schemas, before = (_shapes(api) for api in (found, API))
    assert schemas.keys() >= before.keys()
    for body, shape in before.items():
        assert _without_new_members(schemas[body], shape) == shape, body


def _by_name(described: Any) -> dict[str, Any]:
    return {parameter["name"]: parameter for parameter in described.get("parameters", [])}


def _still_takes(now: Any, then: Any) -> bool:
    """Whether a parameter takes what it took: one with listed values may have got more of them."""
    if isinstance(then, dict):
        return (
            isinstance(now, dict)
            and now.keys() == then.keys()
            and all(
                set(value) <= set(now[key]) if key == "enum" else _still_takes(now[key], value)
                for key, value in then.items()
            )
        )
    if isinstance(then, list):
        return len(now) == len(then) and all(_still_takes(*pair) for pair in zip(now, then, strict=True))
    return bool(now == then)


def _without_new_members(now: Any, before: Any) -> Any:
    """Return a shape without the optional members that it did not have: older clients do not ask for them.

    A bound on the number of members that no longer is there, as it was refused in words, is as it was.
    """
    if isinstance(now, list) and isinstance(before, list) and len(now) == len(before):
        return [_without_new_members(*both) for both in zip(now, before, strict=True)]
    if not isinstance(now, dict) or not isinstance(before, dict):
        return now
    known, required = before.get("properties", {}), now.get("required", ())
    bounds = {"maxProperties": before["maxProperties"]} if "maxProperties" in before.keys() - now.keys() else {}
    return bounds | {
        key: {
            name: _without_new_members(shape, known.get(name))
            for name, shape in value.items()
            if name in known or name in required
        }
        if key == "properties"
        else _without_new_members(value, before.get(key))
        for key, value in now.items()
    }


def _shapes(api: Any) -> dict[str, Any]:
    """Return the members of each body that is sent over the wire, by path; independent of Python's type names."""
    return {
        f"{method} {path} {part}": _members(api, content["application/json"]["schema"])
        for path, methods in api["paths"].items()
        for method, described in methods.items()
        for part, content in _bodies(described)
        if "application/json" in content
    }


def _bodies(described: Any) -> list[tuple[str, Any]]:
    asked = [("asked", described["requestBody"]["content"])] if "requestBody" in described else []
    return [
        *asked,
        *(
            (status, response["content"])
            for status, response in described["responses"].items()
            if "content" in response
        ),
    ]


def _members(api: Any, schema: Any, depth: int = 0) -> Any:
    if "$ref" in schema:
        return _members(api, api["components"]["schemas"][schema["$ref"].rpartition("/")[2]], depth)
    shape = {key: value for key, value in schema.items() if key not in ("title", "description", "default")}
    if depth > 8:
        return shape
    for key in ("items", "additionalProperties"):
        if isinstance(shape.get(key), dict):
            shape[key] = _members(api, shape[key], depth + 1)
    for key in ("anyOf", "allOf", "oneOf"):
        if key in shape:
            shape[key] = [_members(api, subschema, depth + 1) for subschema in shape[key]]
    if "properties" in shape:
        shape["properties"] = {
            name: _members(api, subschema, depth + 1) for name, subschema in shape["properties"].items()
        }
    return shape


def test_every_route_is_among_what_was_said() -> None:
    looked = kept.read_json("looks.json")["looks"]
    said = {(exchange["request"]["method"], exchange["request"]["target"]) for exchange in CONVERSATION["exchanges"]}
    said |= {("GET", target) for target in looked}
    unsaid = [
        (method, path)
        for path, methods in API["paths"].items()
        for method in methods
        if not any(way == method.upper() and _fits(path, target.partition("?")[0]) for way, target in said)
    ]
    assert unsaid == [("delete", "/api/v1/tokens/{number}"), ("delete", "/api/v1/workers/{name}")]


def _fits(path: str, target: str) -> bool:
    parts, words = path.split("/"), target.split("/")
    return len(parts) == len(words) and all(
        part == word or part.startswith("{") for part, word in zip(parts, words, strict=True)
    )
