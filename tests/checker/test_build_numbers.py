"""The signer signs no build number from which an honest farm could not count on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.checker.builds.release_check import MOST_UNPUBLISHED
from farm.core.names.printed_version import LAST_BUILD
from farm.trust.attestation.provenance import ProvenanceError
from tests.checker.channel import Channel, opened_channel
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from tests.checker.built import Package


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    return opened_channel(tmp_path, b"gates: [proof]\n")


def numbered(edge: Channel, number: int, flag: str = "") -> Package:
    recipe = edge.builder.recipe("zlib", more=f"environment: {{FLAG: '{flag}'}}\n")
    return edge.builder.numbered(edge.builder.build(recipe), number)


@pytest.mark.parametrize("number", [MOST_UNPUBLISHED + 1, LAST_BUILD])
def test_a_number_far_beyond_what_was_published_is_refused(edge: Channel, number: int) -> None:
    with refuses("far-build-number", match=r"no build of that revision is published, so that .* up to 10000") as no:
        edge.sign(numbered(edge, number))
    assert no.value.by_package.keys() == {"zlib"}
    assert "Raise the revision in the recipe that makes zlib" in no.value.remedy


@pytest.mark.parametrize("number", [LAST_BUILD + 1, 2**31 - 1, 2**31, 2**53 - 1])
def test_what_no_farm_could_count_on_from_is_no_number(edge: Channel, number: int) -> None:
    with pytest.raises(ProvenanceError, match="a build number from 1 to 1000000000 in place of"):
        edge.sign(numbered(edge, number))


def test_builds_that_were_never_released_leave_room(edge: Channel) -> None:
    """Also after a rollback to a far lower number: the highest number ever published counts."""
    first = numbered(edge, 1)
    edge.sign(first)
    for number in (MOST_UNPUBLISHED, 2 * MOST_UNPUBLISHED):
        edge.sign(numbered(edge, number, flag=str(number)))
    with refuses("far-build-number", match="build 20000 is the highest published"):
        edge.sign(numbered(edge, 3 * MOST_UNPUBLISHED + 1, flag="far"))
    edge.sign(numbered(edge, 3 * MOST_UNPUBLISHED, flag="near"))
    assert edge.released == 4


def test_an_output_that_is_new_has_the_number_of_its_build(edge: Channel) -> None:
    for number in (MOST_UNPUBLISHED, MOST_UNPUBLISHED + 5):
        edge.sign(numbered(edge, number, flag=str(number)))
    more = "environment: {FLAG: more}\noutputs:\n  libs: [lib/**]\n"
    recipe = edge.builder.recipe("zlib", more=more)
    made = edge.builder.put_out(recipe, edge.builder.pin(recipe), {"": {"share/x": b"x"}, "libs": {"lib/x": b"x"}})
    edge.sign(
        *(edge.builder.numbered(package, MOST_UNPUBLISHED + 6) for package in (made, edge.builder.built["zlib-libs"]))
    )
    assert edge.released == 3
