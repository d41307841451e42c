"""The canonical form of a plan, and which documents are refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from farm.core.names.canonical_json import canonical_json
from farm.core.names.declared import SensitiveFile
from farm.core.names.digest import Digest
from farm.core.names.form import InvalidRecordError
from farm.core.plan.plan import InvalidPlanError, Plan
from farm.errors import FarmError
from tests.core.plan.values import DEPENDENCIES, planned

GOLDEN = Path(__file__).parent / "golden" / "plan.json"


def test_the_canonical_form_is_the_one_that_was_published():
    assert replace(planned(), protocol=1).to_json() == GOLDEN.read_bytes().rstrip(b"\n")


def test_a_plan_is_read_back_as_it_was_written():
    plan = planned()
    assert Plan.from_json(plan.to_json()) == plan
    assert plan.digest == Digest.of(plan.to_json())


@pytest.mark.parametrize("member", sorted(planned().to_dict()))
def test_a_missing_member_is_named(member):
    value = planned().to_dict()
    del value[member]
    with pytest.raises(InvalidPlanError, match=f"plan: '{member}' is missing|has format None"):
        Plan.from_json(canonical_json(value))


@pytest.mark.parametrize("member", sorted(planned().to_dict()))
@pytest.mark.parametrize("wrong", [None, 7.5, True, -1, "~", [7], {"a": 1}, [[]], [["a"]]])
def test_a_member_of_another_type_is_refused(member, wrong):
    with pytest.raises(FarmError):
        Plan.from_json(json.dumps({**planned().to_dict(), member: wrong}, sort_keys=True).encode())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + b"\n",
        lambda text: text.replace(b'"revision":1', b'"revision": 1'),
        lambda text: text.replace(b'"revision":1', b'"revision":1.0'),
        lambda text: text.replace(b'["A","1"],["B","2"]', b'["B","2"],["A","1"]'),
        lambda text: text.replace(b'"arguments":["--with-x"]', b'"arguments":"x"'),
        lambda text: text[:-1] + b',"zzz":1}',
        lambda text: text[:-1],
        lambda text: b"\xff" + text,
    ],
)
def test_what_is_not_canonical_is_refused(spoil):
    text = planned().to_json()
    assert spoil(text) != text
    with pytest.raises((InvalidPlanError, InvalidRecordError)):
        Plan.from_json(spoil(text))


def test_a_later_format_asks_for_a_later_farm():
    with pytest.raises(InvalidPlanError, match="has format 3, this farm reads up to format 2"):
        Plan.from_dict({**planned().to_dict(), "format": 3})


def test_a_plan_with_sensitive_files_has_a_later_format_so_that_a_worker_of_before_says_so():
    plan = replace(planned(), sensitive_files=(SensitiveFile("etc/passwd", "users"), SensitiveFile("etc/*d", "more")))
    assert (plan.to_dict()["format"], planned().to_dict()["format"]) == (2, 1)
    assert Plan.from_json(plan.to_json()) == plan
    for wrong in ([{"path": "etc/passwd"}], [{"path": "etc/passwd", "reason": 1}], ["etc/passwd"], {}):
        with pytest.raises(InvalidRecordError, match="sensitive"):
            Plan.from_dict({**plan.to_dict(), "sensitive-files": wrong})


def test_a_plan_cannot_hold_two_builds_of_one_package():
    with pytest.raises(InvalidPlanError, match=r"the dependency 'dist\.example\.org/zlib' is listed twice in one plan"):
        planned(dependencies=(*DEPENDENCIES, replace(DEPENDENCIES[1], tree=Digest.of(b"other"))))


def test_the_store_of_a_dependency_is_its_name_version_and_tree():
    zlib = DEPENDENCIES[1]
    assert zlib.store == f"zlib-1.0-{zlib.tree.store_key}"


def test_the_protocol_of_the_worker_is_an_input():
    assert replace(planned(), protocol=1).digest != planned().digest
    assert Plan.from_json(replace(planned(), protocol=1).to_json()).protocol == 1
