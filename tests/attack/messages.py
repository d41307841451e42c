"""Requests that the signer must refuse: a table for each kind of its messages."""

from __future__ import annotations

from farm.core.names.canonical_json import canonical_json
from tests.attack.advice_messages import ADVISORIES, REVIEWS
from tests.attack.evidence_messages import EVIDENCE
from tests.attack.message import NESTED, Message
from tests.attack.preview_messages import PREVIEWS, REMOVALS
from tests.attack.release_messages import HEADS, SETS


def _image(what: str, **asked: object) -> Message:
    question = {"channel": "edge", "number": 2, "packages": ["lib"], "plain": False} | asked
    return Message(what, lambda liar: liar.post("/images", canonical_json(question)))


IMAGES = (
    Message("no JSON", lambda liar: liar.post("/images", b"rubbish")),
    Message("nested JSON", lambda liar: liar.post("/images", NESTED[: 16 << 10])),
    Message("too much", lambda liar: liar.post("/images", b" " * (17 << 10))),
    _image("a release that is to come", number=99),
    _image("no release", number=0),
    _image("a channel that there is not", channel="nightly"),
    _image("a channel that has released nothing", channel="slow", number=1),
    _image("the role of advisories", channel="advisories"),
    _image("a package that is not there", packages=["viral"]),
    _image("a package with a path for a name", packages=["../lib"]),
    _image("no package", packages=[]),
    _image("packages out of order", packages=["tool", "lib"]),
    _image("one package twice", packages=["lib", "lib"]),
    _image("a digest of its own", digest="sha256:" + "0" * 64),
    _image("something else for plain", plain="yes"),
)
"""Requests to sign the content of an image."""

OTHERS = (
    Message("a path that there is not", lambda liar: liar.post("/keys", b"")),
    Message("a message of the other socket", lambda liar: liar.post("/health", b"")),
)

MESSAGES = {
    "releases": (*HEADS, *SETS),
    "evidence": EVIDENCE,
    "advisories": ADVISORIES,
    "reviews": REVIEWS,
    "images": IMAGES,
    "previews": PREVIEWS,
    "previews/{number}/remove": REMOVALS,
    "others": OTHERS,
}
