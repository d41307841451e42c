"""Values whose JSON form is declared by their fields."""

from __future__ import annotations

from collections.abc import Mapping  # the form below is read by its annotations
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.names.canonical_json import canonical_json
from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.names.form import Form, InvalidRecordError, Minimum
from farm.core.names.package_name import PackageName
from farm.core.names.version import Version
from farm.errors import FarmError

DIGEST = Digest.of(b"")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Part(Form, record="part"):
    """A part of the value below."""

    path: str
    size: int = 0

    def check(self) -> None:
        if self.path.startswith("/"):
            raise InvalidRecordError("part", "path", "is absolute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(
    Form,
    record="whole",
    keys={"license_text": "license"},
    omitted={"notes", "tree"},
    outside={"seen"},
    constants={"format": 1},
):
    """A value with a field of each type."""

    name: PackageName
    version: Version
    number: Annotated[int, Minimum(1)]
    is_direct: bool
    colour: Colour
    signed: datetime
    digest: Digest
    parts: tuple[Part, ...]
    pairs: tuple[tuple[str, str], ...]
    by_name: Mapping[str, Digest]
    marks: frozenset[str]
    license_text: str
    tree: Digest | None = None
    best: Part | None = None
    notes: tuple[str, ...] = ()
    seen: str = "here"


WHOLE = Whole(
    name=PackageName.parse("example.org/jq"),
    version=Version("1.7.1"),
    number=3,
    is_direct=True,
    colour=Colour.BLUE,
    signed=datetime(2026, 11, 30, tzinfo=UTC),
    digest=DIGEST,
    parts=(Part("bin/jq", 7),),
    pairs=(("a", "b"),),
    by_name={"jq": DIGEST},
    marks=frozenset({"y", "x"}),
    license_text="MIT",
)
FORM = {
    "format": 1,
    "name": "example.org/jq",
    "version": "1.7.1",
    "number": 3,
    "is-direct": True,
    "colour": "blue",
    "signed": "2026-11-30T00:00:00+00:00",
    "digest": DIGEST,
    "parts": [{"path": "bin/jq", "size": 7}],
    "pairs": [["a", "b"]],
    "by-name": {"jq": DIGEST},
    "marks": ["x", "y"],
    "license": "MIT",
    "best": None,
}


def test_a_value_is_written_by_its_fields_and_read_again() -> None:
    assert WHOLE.to_dict() == FORM
    assert Whole.from_dict(FORM) == WHOLE
    assert canonical_json(WHOLE.to_dict())


def test_what_is_omitted_is_written_where_it_says_something() -> None:
    form = FORM | {"notes": ["twice"], "tree": DIGEST}
    assert Whole.from_dict(form).to_dict() == form


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "whole: 'format' is 2, this farm reads 1"),
        ({"format": True}, "whole: 'format' is True, this farm reads 1"),
        ({"number": 0}, "whole: 'number' is 0, below 1"),
        ({"number": True}, "whole: 'number' holds a bool instead of a int"),
        ({"is-direct": 1}, "whole: 'is-direct' holds a int instead of a bool"),
        ({"colour": "green"}, "whole: 'colour' is 'green', not one of red, blue"),
        ({"colour": []}, "whole: 'colour' is [], not one of red, blue"),
        ({"signed": "today"}, "whole: 'signed' is 'today': Invalid isoformat string: 'today'"),
        ({"parts": [{"path": "bin/jq"}]}, "part: 'size' is missing"),
        ({"parts": [{"path": "/jq", "size": 1}]}, "part: 'path' is absolute"),
        ({"parts": [7]}, "part: is a int, not an object"),
        ({"parts": {}}, "whole: 'parts' holds a dict instead of a list"),
        ({"pairs": [["a"]]}, "whole: 'pairs' has an item of 1 parts, not 2"),
        ({"by-name": []}, "whole: 'by-name' holds a list instead of a dict"),
        ({"best": 3}, "part: is a int, not an object"),
        ({"seen": "there"}, "whole: 'seen' is not known"),
        ({"license_text": "MIT"}, "whole: 'license_text' is not known"),
    ],
)
def test_another_form_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRecordError) as refused:
        Whole.from_dict(FORM | change)
    assert refused.value.message == message


@pytest.mark.parametrize("key", sorted(FORM))
def test_a_member_that_is_missing_is_named(key: str) -> None:
    with pytest.raises(InvalidRecordError) as refused:
        Whole.from_dict({name: value for name, value in FORM.items() if name != key})
    assert refused.value.key == key


def test_a_text_type_says_itself_what_is_wrong() -> None:
    with pytest.raises(InvalidDigestError):
        Whole.from_dict(FORM | {"digest": "sha256:00"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3), lambda inner: st.lists(inner, max_size=2)
)


@given(st.dictionaries(st.sampled_from(["path", "size", "other"]), JSON))
def test_a_form_is_read_only_where_it_is_written_so_again(form: dict[str, Any]) -> None:
    try:
        part = Part.from_dict(form)
    except InvalidRecordError:
        return
    assert part.to_dict() == form


class UnusablePartError(FarmError):
    """The error for JSON that is not a part."""

    code = "unusable-part"


@dataclass(frozen=True, slots=True)
class Note(Form, record="note", constants={"format": 2}):
    """A form that is a file of its own."""

    text: bytes


def test_a_form_is_read_from_the_json_that_it_is_written_as() -> None:
    note = Note("naïve".encode())
    assert note.to_json() == '{"format":2,"text":"naïve"}'.encode()
    assert Note.read_json(note.to_json(), UnusablePartError, canonical=True) == note


@pytest.mark.parametrize(
    ("content", "message", "remedy"),
    [
        (b"{", "this is not a valid note: ", ""),
        (b"[" * 100_000, "this is not a valid note: ", ""),
        (b'{"format":2,"text":7}', "this is not a valid note: note: 'text' holds a int instead of a str", ""),
        (b'{"format":2,"text":"\\ud800"}', "this is not a valid note: note: 'text' is '\\ud800': ", ""),
        (b'{"format":3,"text":""}', "this is not a valid note: note: 'format' is 3, this", "Upgrade the farm."),
    ],
)
def test_what_is_wrong_with_json_is_an_error_of_the_form_s_own(content: bytes, message: str, remedy: str) -> None:
    with pytest.raises(UnusablePartError) as refused:
        Note.read_json(content, UnusablePartError)
    assert refused.value.message.startswith(message)
    assert refused.value.remedy == remedy


@pytest.mark.parametrize(
    "content", [b'{"format": 2,"text":""}', b'{"text":"","format":2}', b'{"format":2,"text":""}\n']
)
def test_other_bytes_for_the_same_value_are_refused_where_the_form_is_canonical(content: bytes) -> None:
    assert Note.read_json(content, UnusablePartError) == Note(b"")
    with pytest.raises(UnusablePartError, match="the note is not in canonical form"):
        Note.read_json(content, UnusablePartError, canonical=True)


class Written:
    """A value that is written by hand, and not read."""

    def to_dict(self) -> dict[str, str]:
        return {"word": "x"}


@dataclass(frozen=True, slots=True)
class Holder(Form, record="holder"):
    """A form with such a value in it."""

    held: Written


def test_a_value_that_declares_no_form_is_not_written_as_text() -> None:
    with pytest.raises(TypeError, match="a Written is not text, and declares no form"):
        Holder(Written()).to_dict()
