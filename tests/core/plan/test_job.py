"""Orders and outcomes survive the transfer between farm and worker."""

import json
from dataclasses import replace

import pytest

from farm.core.names.digest import Digest
from farm.core.names.form import InvalidRecordError
from farm.core.plan.job import BlobRef, BuildOrder, DependencyArchive, TestOrder, TestOutcome
from farm.core.plan.pin import source_origins
from tests.core.plan.values import DEBS, DEPENDENCIES, RECIPE, planned

ARCHIVE = DependencyArchive(
    DEPENDENCIES[0].tree,
    DEPENDENCIES[0].store,
    BlobRef(Digest.of(b"archive"), 7),
    BlobRef(DEPENDENCIES[0].tree, 3),
    Digest.of(b"descriptor"),
)
BUILD = BuildOrder(planned(), RECIPE.digest, source_origins(RECIPE, DEBS), RECIPE.limits, (ARCHIVE,))
TEST = TestOrder(RECIPE.tests[0], Digest.of(b"descriptor"), (ARCHIVE,), RECIPE.limits)
OUTCOME = TestOutcome(passed=False, exit=1, message="it printed 3", log=Digest.of(b"log"))
SIGNED = TestOutcome(passed=True, exit=0, message="", log=Digest.of(b"log"), attestation=Digest.of(b"signed"))


@pytest.mark.parametrize("value", [BUILD, TEST, OUTCOME, SIGNED], ids=lambda value: type(value).__name__)
def test_an_order_is_read_back_as_it_was_written(value):
    assert type(value).from_dict(json.loads(json.dumps(value.to_dict()))) == value


@pytest.mark.parametrize("value", [BUILD, TEST, OUTCOME], ids=lambda value: type(value).__name__)
def test_an_unknown_member_is_refused(value):
    with pytest.raises(InvalidRecordError, match="'more' is not known"):
        type(value).from_dict({**value.to_dict(), "more": 1})


def test_an_outcome_without_attestation_is_written_as_it_was_before_there_were_any():
    assert OUTCOME.to_dict().keys() == {"exit", "log", "message", "passed"}


def test_the_number_of_a_first_build_is_not_told_so_that_a_worker_of_before_reads_the_order():
    assert "build" not in BUILD.to_dict()
    second = replace(BUILD, build=2)
    assert second.to_dict() == {**BUILD.to_dict(), "build": 2}
    assert BuildOrder.from_dict(json.loads(json.dumps(second.to_dict()))) == second
    for wrong in (1, 0, "2", True):
        with pytest.raises(InvalidRecordError, match="build"):
            BuildOrder.from_dict({**BUILD.to_dict(), "build": wrong})


def test_a_blob_of_a_negative_size_is_refused():
    with pytest.raises(InvalidRecordError, match="blob: 'size' is -1, below 0"):
        BlobRef.from_dict({"digest": Digest.of(b""), "size": -1})


def test_a_value_of_another_room_that_is_malformed_is_named_by_its_key():
    with pytest.raises(InvalidRecordError, match="limits: 'minutes' is missing"):
        BuildOrder.from_dict({**BUILD.to_dict(), "limits": {"hours": 1}})
