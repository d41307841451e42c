"""The checker proves the set of a release itself, whatever the pipeline claims, at the cost of what changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.checker.decision import Decision
from farm.checker.reading.published_identities import PublishedRecord
from farm.checker.reading.refusal import RefusedReleaseError
from farm.core.names.digest import Digest
from farm.signing.evidence import ReleaseEvidence
from farm.signing.ledger import Ledger
from farm.trust.index.edit import extend
from farm.trust.metadata.repository import Repository
from tests.client.distribution import SmallDistribution
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.trust.index.release_index import Release


@pytest.fixture
def published(tmp_path: Path) -> SmallDistribution:
    made = SmallDistribution(tmp_path)
    made.package("say", {"bin/say": "say"})
    made.package("greet", {"bin/greet": "#!/usr/bin/say\n"})
    made.publish()
    return made


def _after(made: SmallDistribution, **needs: tuple[str, ...]) -> Release:
    """The release after the newest one, with the current packages, and these needs where they are given."""
    assert made.released is not None
    put = [replace(entry, needs=needs.get(name, ())) for name, (entry, _) in made.entries.items()]
    gone = {"say", "greet"} - made.entries.keys()
    index = extend(made.read, made.released.index, put, gone)
    for blob in index.blobs:
        made.keep(blob)
    before = made.released
    return replace(before, number=before.number + 1, previous=before.digest, index=index.root, packages=index.packages)


def _check(made: SmallDistribution, release: Release) -> list[str]:
    evidence = made.keep(ReleaseEvidence().to_json())
    return list(_decision(made).check(release, evidence.digest).new)


def _decision(made: SmallDistribution) -> Decision:
    place = made.folder / "record"
    return Decision(Repository(made.public), PublishedRecord(place), Ledger(place / "ledger"))


def test_a_need_that_is_dropped_is_refused_although_the_entry_does_not_name_it(published: SmallDistribution) -> None:
    del published.entries["say"]
    with refuses("unproven-set", match=r"greet 1.0-1 requires interpreter:/usr/bin/say|/usr/bin/say"):
        _check(published, _after(published))


def test_needs_that_are_not_those_of_the_files_are_refused(published: SmallDistribution) -> None:
    """A client fetches what the release names, so a dropped name would leave a package out."""
    published.package("greet", {"bin/greet": "#!/usr/bin/say\n# louder\n"}, version="2.0")
    with pytest.raises(RefusedReleaseError, match="names nothing as the needs of greet, which are say"):
        _check(published, _after(published))
    assert _check(published, _after(published, greet=("say",))) == ["greet"]


def test_needs_that_another_package_has_come_to_serve_are_told_again(published: SmallDistribution) -> None:
    """The dependent's entry is unchanged, and would make a client fetch the package that no longer provides it."""
    published.package("say", {"share/say": "say"}, version="2.0")
    published.package("loud", {"bin/say": "SAY"})
    with pytest.raises(RefusedReleaseError, match="names say as the needs of greet, which are loud"):
        _check(published, _after(published, greet=("say",)))
    assert _check(published, _after(published, greet=("loud",))) == ["greet", "loud", "say"]


def test_what_an_entry_names_is_not_taken_out_although_another_serves_it(published: SmallDistribution) -> None:
    del published.entries["say"]
    published.package("loud", {"bin/say": "SAY"})
    with pytest.raises(RefusedReleaseError, match="greet needs say, which is no longer in the release"):
        _check(published, _after(published, greet=("say",)))
    assert _check(published, _after(published, greet=("loud",))) == ["greet", "loud"]


def test_a_conflict_with_what_is_released_is_refused(published: SmallDistribution) -> None:
    published.package("loud", {"bin/say": "SAY"})
    with refuses("unproven-set", match="both claim /usr/bin/say") as refused:
        _check(published, _after(published, greet=("say",)))
    assert "farm's own proof" in refused.value.remedy


def test_a_refused_set_leaves_nothing_behind_for_the_next_one(published: SmallDistribution) -> None:
    decision = _decision(published)
    evidence = published.keep(ReleaseEvidence().to_json())
    published.package("loud", {"bin/say": "SAY"})
    with refuses("unproven-set"):
        decision.check(_after(published, greet=("say",)), evidence.digest)
    del published.entries["loud"]
    published.package("more", {"bin/more": "more"})
    good = _after(published, greet=("say",))
    assert decision.check(good, evidence.digest).new == ("more",)


def test_what_is_proven_again_costs_what_changed(published: SmallDistribution) -> None:
    for number in range(30):
        published.package(f"p{number}", {f"bin/p{number}": str(number)})
    published.publish()
    decision = published.decision
    assert decision is not None
    for number in range(30):
        entry, _ = published.entries[f"p{number}"]
        published.blobs.delete(entry.facts.digest)
    published.package("say", {"bin/say": "louder"}, version="2.0")
    published.publish()  # reads none of the thirty others


def test_taking_a_package_out_reads_no_entry_of_those_that_stay(published: SmallDistribution) -> None:
    for number in range(30):
        published.package(f"p{number}", {f"bin/p{number}": str(number)})
    published.publish()
    decision = published.decision
    assert decision is not None
    decision.prepare()
    del published.entries["greet"]
    evidence, release = published.keep(ReleaseEvidence().to_json()), _after(published)
    for number in range(30):
        entry, _ = published.entries[f"p{number}"]
        published.blobs.delete(Digest.of(entry.to_json()))
    assert decision.check(release, evidence.digest).new == ()


def test_what_a_release_says_of_needs_is_known_to_the_next(published: SmallDistribution) -> None:
    published.package("greet", {"bin/greet": "#!/usr/bin/say\n# louder\n"}, version="2.0")
    published.publish()
    decision = published.decision
    assert decision is not None
    del published.entries["say"]
    published.package("loud", {"bin/say": "SAY"})
    evidence = published.keep(ReleaseEvidence().to_json()).digest
    with pytest.raises(RefusedReleaseError, match="greet needs say, which is no longer in the release"):
        decision.check(_after(published, greet=("say",)), evidence)
    published.publish()
    assert decision.check(_after(published, greet=("loud",)), evidence).new == ()
    del published.entries["greet"]
    published.publish()
    del published.entries["loud"]
    assert decision.check(_after(published), evidence).new == ()
