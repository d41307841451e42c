"""A package of a signed release matches its entry, its own distribution, and its build: or it is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from farm.core.names.digest import Digest
from farm.trust.attestation.dsse import open_envelope, sign_statement
from farm.trust.attestation.provenance import BuildRun, ProvenanceError, build_statement
from farm.trust.metadata.builders import AllowedBuilders
from farm.trust.verification.release_package import BrokenReleaseError, CheckedPackage, check_package
from tests.client.distribution import RECIPE, SmallDistribution
from tests.core.plan.values import planned

if TYPE_CHECKING:
    from pathlib import Path

    from farm.trust.index.release_index import Release, ReleaseEntry


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    distribution = SmallDistribution(tmp_path)
    for name in ("say", "alone"):
        distribution.package(name, {f"bin/{name}": f"\x7f{name}"})
    distribution.publish()
    return distribution


def entry_of(distribution: SmallDistribution, name: str = "say") -> ReleaseEntry:
    return distribution.entries[name][0]


def check(published: SmallDistribution, entry: ReleaseEntry, **release: Any) -> CheckedPackage:
    assert published.released is not None
    head: Release = replace(published.released, **release)
    builders = AllowedBuilders([published.builder.public_key], {})
    return check_package(head, entry, builders, lambda blob, _what: published.read(blob))


def test_a_good_package_passes(distribution: SmallDistribution) -> None:
    assert check(distribution, entry_of(distribution)).descriptor.name.short == "say"


@pytest.mark.parametrize("changes", [{"name": "other"}, {"version": "2.0"}, {"revision": 2}])
def test_an_entry_under_another_name_or_version_is_refused(
    distribution: SmallDistribution, changes: dict[str, Any]
) -> None:
    with pytest.raises(BrokenReleaseError, match="is described as"):
        check(distribution, replace(entry_of(distribution), **changes))


def test_a_package_of_another_namespace_is_refused(distribution: SmallDistribution) -> None:
    """A holder of a channel's keys cannot present as its own what another distribution has signed."""
    with pytest.raises(BrokenReleaseError, match="which only its owner may release"):
        check(distribution, entry_of(distribution), distribution="elsewhere.example.org")


@pytest.mark.parametrize("part", ["manifest", "facts"])
def test_the_manifest_or_facts_of_another_package_are_refused(distribution: SmallDistribution, part: str) -> None:
    changes: dict[str, Any] = {part: getattr(entry_of(distribution, "alone"), part)}
    with pytest.raises(BrokenReleaseError, match="not those that its descriptor names"):
        check(distribution, replace(entry_of(distribution), **changes))


def test_a_recipe_that_its_builder_did_not_name_is_refused(distribution: SmallDistribution) -> None:
    with pytest.raises(ProvenanceError, match="it was built from recipe"):
        check(distribution, replace(entry_of(distribution), recipe=Digest.of(b"another")))


def test_the_provenance_of_another_package_is_refused(distribution: SmallDistribution) -> None:
    entry = replace(entry_of(distribution), provenance=entry_of(distribution, "alone").provenance)
    with pytest.raises(ProvenanceError, match="it is about other packages"):
        check(distribution, entry)


def test_another_plan_than_the_descriptor_names_is_refused(distribution: SmallDistribution) -> None:
    entry, member = distribution.entries["say"]
    run = BuildRun(distribution.builder.public_key.keyid, "1", "then", "now", Digest.of(b"log"), {})
    statement = build_statement(planned(), RECIPE, [(member.descriptor, entry.archive.digest)], (), run)
    provenance = distribution.keep(sign_statement(statement, distribution.builder))
    with pytest.raises(ProvenanceError, match="its plan has digest"):
        check(distribution, replace(entry, provenance=provenance))


def test_a_builder_that_names_another_as_the_builder_is_refused(distribution: SmallDistribution) -> None:
    entry, member = distribution.entries["say"]
    run = BuildRun("0" * 64, "1", "then", "now", Digest.of(b"log"), {})
    statement = build_statement(planned(), RECIPE, [(member.descriptor, entry.archive.digest)], (), run)
    statement["predicate"]["buildDefinition"]["internalParameters"]["plan"] = own_plan(distribution, entry)
    provenance = distribution.keep(sign_statement(statement, distribution.builder))
    with pytest.raises(ProvenanceError, match="as its builder"):
        check(distribution, replace(entry, provenance=provenance))


def own_plan(distribution: SmallDistribution, entry: ReleaseEntry) -> Any:
    """The plan by which a package was really built."""
    allowed = {distribution.builder.public_key.keyid: distribution.builder.public_key}
    statement, _ = open_envelope(distribution.read(entry.provenance), allowed)
    return statement["predicate"]["buildDefinition"]["internalParameters"]["plan"]
