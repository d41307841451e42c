"""What changed between two sets is told by name, and by what kind of change it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from farm.database.records import Package
from farm.names import Digest
from farm.plan import BlobRef
from web.pages.set_changes import Difference, SetChange, differences

ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
SETS = st.dictionaries(st.sampled_from(["bash", "grep", "jq", "zlib"]), st.sampled_from([ONE, TWO]))
BLOB = BlobRef(ONE, 1)
JQ = Package(
    digest=ONE, descriptor=BLOB, name="jq", version="1.7", revision=1, platform="linux/amd64", summary="",
    licence="MIT", tree=ONE, archive=BLOB, manifest=BLOB, facts=BLOB, provenance=BLOB, plan=ONE, recipe=ONE,
    attempt_id=1, built_by="one", built_at=datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip


@given(SETS, SETS)
def test_exactly_what_differs_is_told_once_and_by_name(before: dict[str, Digest], after: dict[str, Digest]) -> None:
    found = differences(before, after)
    assert [each.name for each in found] == sorted({each.name for each in found})
    told = dict(before)
    for each in found:
        assert each.before == before.get(each.name)
        if each.after is None:
            del told[each.name]
        else:
            told[each.name] = each.after
    assert told == after


def test_nothing_differs_between_a_set_and_itself() -> None:
    assert differences({"jq": ONE}, {"jq": ONE}) == []
    assert differences({}, {"jq": ONE}) == [Difference("jq", None, ONE)]


def test_each_kind_of_change_has_its_word() -> None:
    assert SetChange("jq", None, JQ).kind == "new"
    assert SetChange("jq", JQ, None).kind == "gone"
    assert SetChange("jq", JQ, replace(JQ, digest=TWO)).kind == "rebuilt"
    assert SetChange("jq", JQ, replace(JQ, digest=TWO, version="1.8")).kind == "version"
    assert SetChange("jq", JQ, replace(JQ, digest=TWO, revision=2)).kind == "version"
