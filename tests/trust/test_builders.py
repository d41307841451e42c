"""The signed list of builders, with and without the channels' requirements."""

from __future__ import annotations

import json

import pytest
from securesystemslib.signer import CryptoSigner

from farm.trust.metadata.builders import InvalidBuildersError, builders_document, read_builders

KEYS = [CryptoSigner.generate_ed25519().public_key for _ in range(2)]


def test_a_list_without_more_reads_as_it_always_did() -> None:
    document = builders_document(KEYS)
    assert json.loads(document).keys() == {"builders"}
    builders = read_builders(document)
    assert builders == {key.keyid: key for key in KEYS}
    assert builders.needed("edge") == 1


def test_a_channel_may_ask_for_builders_who_agree() -> None:
    builders = read_builders(builders_document(KEYS, {"stable": 2}))
    assert (builders.needed("stable"), builders.needed("edge")) == (2, 1)
    assert builders_document(list(builders.values()), builders.rebuilds) == builders_document(KEYS, {"stable": 2})


@pytest.mark.parametrize("rebuilds", [[], 2, {"stable": 0}, {"stable": True}, {"stable": "2"}, {"stable": None}])
def test_a_number_of_builders_that_cannot_be_is_refused(rebuilds: object) -> None:
    document = json.dumps({**json.loads(builders_document(KEYS)), "rebuilds": rebuilds}).encode()
    with pytest.raises(InvalidBuildersError):
        read_builders(document)


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"builders": 1}', b'{"builders": [{}]}'])
def test_what_is_no_list_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidBuildersError):
        read_builders(document)


def test_one_key_under_two_ids_is_not_two_builders() -> None:
    """Otherwise a single worker could agree with itself."""
    (key, _), twin = KEYS, "0" * 64
    forms = [{"keyid": keyid, **key.to_dict()} for keyid in (key.keyid, twin)]
    for same in (key.keyval["public"], key.keyval["public"].upper()):
        forms[1] = {**forms[1], "keyval": {"public": same}}
        with pytest.raises(InvalidBuildersError, match="one key"):
            read_builders(json.dumps({"builders": forms}).encode())
    with pytest.raises(InvalidBuildersError, match="one key"):
        read_builders(json.dumps({"builders": [forms[0], forms[0]]}).encode())


def test_a_list_of_before_says_nothing_of_testers() -> None:
    """An empty list says that nobody's results count: the last tester may be removed."""
    assert read_builders(builders_document(KEYS)).testers is None
    assert read_builders(builders_document(KEYS, testers=[])).testers == {}


def test_testers_and_how_many_must_agree_are_read_back() -> None:
    builders = read_builders(builders_document(KEYS[:1], testers=KEYS, tests={"stable": 2}))
    assert builders == {KEYS[0].keyid: KEYS[0]}
    assert builders.testers == {key.keyid: key for key in KEYS}
    assert (builders.testers_needed("stable"), builders.testers_needed("edge")) == (2, 1)


@pytest.mark.parametrize("tests", [[], 2, {"stable": 0}, {"stable": True}, {"stable": "2"}, {"stable": None}])
def test_a_number_of_testers_that_cannot_be_is_refused(tests: object) -> None:
    document = json.dumps({**json.loads(builders_document(KEYS)), "tests": tests}).encode()
    with pytest.raises(InvalidBuildersError):
        read_builders(document)


def test_one_key_under_two_ids_is_not_two_testers() -> None:
    form = json.loads(builders_document(KEYS, testers=KEYS[:1]))
    form["testers"].append({**form["testers"][0], "keyid": "0" * 64})
    with pytest.raises(InvalidBuildersError, match="one key"):
        read_builders(json.dumps(form).encode())


@pytest.mark.parametrize("testers", [None, 1, {"a": 1}, [{}], "x"])
def test_testers_that_are_no_list_of_keys_are_refused(testers: object) -> None:
    document = json.dumps({**json.loads(builders_document(KEYS)), "testers": testers}).encode()
    with pytest.raises(InvalidBuildersError):
        read_builders(document)
