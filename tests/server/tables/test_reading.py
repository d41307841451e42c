"""Rows become records and records rows, field by field, without code for any single type."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from farm.core.names.digest import Digest, InvalidDigestError
from farm.core.plan.job import BlobRef
from farm.core.policy.gate_kind import GateKind
from farm.server.channels.candidates import Candidate, Marks, Source
from farm.server.channels.excuses import Excuse, KeptExcuse
from farm.server.tables.curation_rows import ExcuseRow
from farm.server.tables.evidence import ProofEvidence
from farm.server.tables.package_rows import PackageRow
from farm.server.tables.pipeline_states import CandidateOrigin, CandidateState
from farm.server.tables.reading import in_parts
from farm.server.tables.records import Package
from farm.server.tables.release_rows import CandidateRow

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ONE, TWO = Digest.of(b"one"), Digest.of(b"two")
PACKAGE = Package(
    digest=ONE,
    descriptor=BlobRef(ONE, 1),
    name="jq",
    version="1.7",
    revision=2,
    platform="linux/amd64",
    summary="",
    license="MIT",
    tree=TWO,
    archive=BlobRef(ONE, 3),
    manifest=BlobRef(TWO, 4),
    facts=BlobRef(ONE, 5),
    provenance=BlobRef(ONE, 6),
    plan=ONE,
    recipe=TWO,
    attempt_id=7,
    built_by="w",
    built_at=NOW,
)


def test_blobs_are_two_columns_and_an_empty_digest_is_none() -> None:
    row = PackageRow(**PACKAGE.columns())
    assert (row.tree, row.manifest_size, row.archive, row.archive_size, row.same_as) == (TWO, 4, ONE, 3, "")
    assert Package.of(row) == PACKAGE


def test_a_digest_that_is_none_is_refused_when_it_is_read() -> None:
    row = PackageRow(**PACKAGE.columns())
    row.tree = "sha256:beef"
    with pytest.raises(InvalidDigestError):
        Package.of(row)


def test_a_record_within_a_record_is_read_from_the_same_row() -> None:
    source, marks = Source(CandidateOrigin.PROMOTION, "edge", 3), Marks(4, "x")
    row = CandidateRow(
        id=1, channel="stable", set_digest=ONE, state="open", created_at=NOW, **source.columns(), **marks.columns()
    )
    candidate = Candidate.of(row)
    assert (candidate.source, candidate.marks, candidate.state) == (source, marks, CandidateState.OPEN)


def test_what_a_column_holds_as_text_is_read_and_written_by_its_form() -> None:
    excuse = Excuse(package="jq", gate=GateKind.PROOF, reason="x", partners=("a", "b"), evidence=ProofEvidence(()))
    row = ExcuseRow(id=1, channel="edge", candidate_id=2, since=NOW, **excuse.columns())
    assert row.partners == '["a", "b"]'
    assert KeptExcuse.of(row).excuse == excuse


def test_many_values_are_asked_for_in_parts_each_once() -> None:
    assert list(in_parts([3, 1, 2, 3], size=2)) == [[1, 2], [3]]
