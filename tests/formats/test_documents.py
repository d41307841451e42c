"""Each kind of document: the stored files have the same values as then, and are written back byte for byte."""

from __future__ import annotations

import json

import pytest

from tests.formats import kept
from tests.formats.reading.documents import KINDS

SAID = kept.read_json("documents.json")


@pytest.mark.parametrize("name", SAID)
def test_a_document_says_what_it_said_and_is_written_as_it_was(name: str) -> None:
    kind, content = KINDS[name.partition("/")[0]], kept.document(name)
    value = kind.read(content)
    assert json.loads(json.dumps(kind.says(value))) == SAID[name]
    assert kind.write(value) == content


def test_of_every_kind_something_is_kept() -> None:
    assert {name.partition("/")[0] for name in SAID} == set(KINDS)
    there = kept.files_of(kept.DATA / "documents")
    assert set(there) == set(SAID)
