"""Every former verb and option exists: a renamed one works under its old name too."""

from __future__ import annotations

import pytest

from tests.formats import kept
from tests.formats.reading import command

KNOWN = kept.read_json("command.json")


@pytest.mark.parametrize("verb", KNOWN)
def test_a_verb_takes_all_that_it_took(verb: str) -> None:
    found, known = command.find(verb), KNOWN[verb]
    assert found is not None
    by_name = {name: form for form in found["options"].values() for name in form["names"]}
    for option in known["options"].values():
        for name in option["names"]:
            now = by_name[name]
            assert {key: now[key] for key in ("nargs", "flag", "count", "multiple")} == {
                key: option[key] for key in ("nargs", "flag", "count", "multiple")
            }, name
            assert now["required"] <= option["required"], name
            if isinstance(option["type"], list):
                assert set(option["type"]) <= set(now["type"]), name
    count = len(known["arguments"])
    kept_arguments, new = found["arguments"][:count], found["arguments"][count:]
    assert [argument["nargs"] for argument in kept_arguments] == [argument["nargs"] for argument in known["arguments"]]
    assert all(
        now["required"] <= then["required"] for now, then in zip(kept_arguments, known["arguments"], strict=True)
    )
    assert not any(argument["required"] for argument in new)


def test_no_verb_of_then_is_left_out() -> None:
    assert len(KNOWN) > 80
    assert {"image build", "keys draft targets", "run", "up"} < set(KNOWN)
