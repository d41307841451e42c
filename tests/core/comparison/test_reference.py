"""What names a build or a release, and what names neither."""

from __future__ import annotations

import pytest

from farm.core.comparison.reference import InvalidReferenceError, Reference
from farm.core.names.digest import Digest

DIGEST = Digest.of(b"descriptor")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("jq", Reference("jq")),
        ("dist.example.org/jq", Reference("dist.example.org/jq")),
        ("jq=1.7.1", Reference("jq", version="1.7.1")),
        ("jq=1.7.1-1+b2", Reference("jq", version="1.7.1-1+b2")),
        ("jq@edge", Reference("jq", "edge")),
        ("jq@dist.example.org/edge", Reference("jq", "dist.example.org/edge")),
        ("jq@edge@3", Reference("jq", "edge", 3)),
        ("edge@3", Reference(channel="edge", number=3)),
        ("dist.example.org/edge@3", Reference(channel="dist.example.org/edge", number=3)),
        (DIGEST, Reference(descriptor=DIGEST)),
    ],
)
def test_a_reference_is_read(text: str, reference: Reference) -> None:
    assert Reference.parse(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "jq@",
        "=1",
        "jq=",
        "edge@0",
        "jq=1@edge",
        "jq@3@4",
        "jq@edge@x",
        "edge@99999999999",
        "sha256:12",
        "a@b@1@2",
    ],
)
def test_anything_else_is_refused_with_the_forms(text: str) -> None:
    with pytest.raises(InvalidReferenceError) as refused:
        Reference.parse(text)
    assert "jq@edge" in refused.value.remedy


def test_a_reference_is_of_one_kind() -> None:
    assert Reference.parse("edge@3").is_release
    assert Reference.parse("jq").is_local
    assert not any(Reference.parse(text).is_release for text in ("jq", "jq@edge", DIGEST))
    assert not any(Reference.parse(text).is_local for text in ("jq=1", "jq@edge", "edge@3", DIGEST))
