"""Whose tests and waivers count for a package does not go back, once a release has named newer ones.

The pipeline takes the newest recipe that comes to the package's plan. Which one that is, its database says. Here it is
what releases have named, in turn; an owner may go back, by a signature that is younger than what it takes the place of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.countersign.refusal import Faults, RefusedReleaseError

if TYPE_CHECKING:
    from farm.countersign.outputs import Outputs
    from farm.countersign.ownership import Ownership
    from farm.countersign.test_record import NamedTests, TestRecord
    from farm.trust.release_index import ReleaseEntry


class OlderTestsError(RefusedReleaseError):
    """A release names, for the tests of a package, a recipe that one before it had replaced."""

    code = "older-tests"

    def __init__(self, entry: ReleaseEntry, channel: str, newest: NamedTests) -> None:
        super().__init__(
            f"{entry.name} would be tested by the recipe {entry.tested_by} on {channel}, and release {newest.number} "
            f"has named a newer one, {newest.recipe}",
            remedy="Release it with the newer one; submit that again where the farm has lost it. To go back, let an "
            "owner submit the older recipe again.",
        )


def check_tests_named(outputs: Outputs, record: TestRecord, ownership: Ownership) -> None:
    """See that no entry that is put in names older tests than the channel has had for the package.

    Raises `OlderTestsError`, and as `Outputs`.
    """
    faults, channel = Faults(), outputs.change.release.channel
    for entry in outputs.change.put:
        newest = _newer_than(entry, record.named(channel, entry.descriptor.digest))
        if newest is None:
            continue
        with faults.of(entry.name):
            if not ownership.is_signed_since(outputs.of(entry).recipe, entry.tested_by, newest.since):
                raise OlderTestsError(entry, channel, newest)
    faults.check()


def _newer_than(entry: ReleaseEntry, named: tuple[NamedTests, ...]) -> NamedTests | None:
    """Return what has taken the place of an entry's tests: those of the recipe that it was built from are the first."""
    if not named or entry.tested_by == named[-1].recipe:
        return None
    older = {entry.recipe, *(each.recipe for each in named)}
    return named[-1] if entry.tested_by in older else None
