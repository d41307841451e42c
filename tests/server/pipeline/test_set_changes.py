"""What changed between two sets is reported by name, and by the kind of change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.server.pipeline.candidates.release_contents import SetChange
from farm.server.tables.records import Package

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
BLOB = BlobRef(ONE, 1)
JQ = Package(
    digest=ONE, descriptor=BLOB, name="jq", version="1.7", revision=1, platform="linux/amd64", summary="",
    license="MIT", tree=ONE, archive=BLOB, manifest=BLOB, facts=BLOB, provenance=BLOB, plan=ONE, recipe=ONE,
    attempt_id=1, built_by="one", built_at=datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


def test_each_kind_of_change_has_its_word() -> None:
    assert SetChange("jq", None, JQ).kind == "new"
    assert SetChange("jq", JQ, None).kind == "gone"
    assert SetChange("jq", JQ, replace(JQ, digest=TWO)).kind == "rebuilt"
    assert SetChange("jq", JQ, replace(JQ, digest=TWO, version="1.8")).kind == "version"
    assert SetChange("jq", JQ, replace(JQ, digest=TWO, revision=2)).kind == "version"
