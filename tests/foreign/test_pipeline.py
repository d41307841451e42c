"""A release of another distribution becomes a candidate here: proven and tested here, then pinned or held back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from securesystemslib.signer import CryptoSigner

from farm.client.repository.download import Downloads
from farm.client.repository.host import Host
from farm.client.repository.imports import ImportedReleases
from farm.client.repository.readers import open_reader
from farm.core.files.problems import RecipeError
from farm.core.policy.channel import ChannelPolicy
from farm.core.policy.gates.set_gates import ProofGate
from farm.server.channels import candidates
from farm.server.curation import holds, orders
from farm.server.federation import imported
from farm.server.federation.following import DistributionFollower
from farm.server.pipeline.gates.standing_gates import Holds
from farm.server.tables.pipeline_states import OrderKind
from farm.trust.index.tree import IndexTree
from tests.client.distribution import SmallDistribution
from tests.core.sets.values import elf
from tests.farms.importing import ImportingFarm
from tests.farms.releasing import EDGE
from tests.farms.small import recipe
from tests.foreign.neighbours import FIRST

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.recipe.distributions import OtherDistribution
    from farm.server.tables.session import Database
    from farm.trust.verification.client_metadata import RepositoryReader
    from tests.foreign.neighbours import Neighbours

SSL, SAY = f"{FIRST}/openssl", f"{FIRST}/say"
REQUIRES = f"requires: [{SSL}]\n"
WITH_TEST = REQUIRES + "tests:\n  - name: of web\n    command: [/usr/bin/web]\n"
STABLE = ChannelPolicy("stable", (ProofGate(),), from_channel="edge")


@pytest.fixture
def taking(neighbours: Neighbours, database: Database, tmp_path: Path) -> ImportingFarm:
    return ImportingFarm.beside(neighbours, database, tmp_path / "farm")


def submit_web(taking: ImportingFarm, *, version: str = "1.0", more: str = REQUIRES) -> None:
    taking.shape("web", version, {}, requires=(SSL,) if SSL in more else ())
    taking.submit(recipe("web", version=version, more=more))


def update(neighbours: Neighbours, version: str, *, interpreter: str = "say", **files: str) -> None:
    """Let the first distribution release another openssl."""
    neighbours.first.package(
        "openssl",
        {"bin/openssl": f"#!/usr/bin/{interpreter}\n", "share/openssl/version": version, **files},
        version=version,
    )
    neighbours.first.publish()


def names(taking: ImportingFarm, channel: str = "edge") -> list[str]:
    return [package.name for package in taking.taken(channel).packages]


def test_what_a_recipe_requires_of_another_distribution_is_pinned(
    taking: ImportingFarm, neighbours: Neighbours, tmp_path: Path
) -> None:
    submit_web(taking)
    assert taking.follow() == 1
    assert taking.follow() == 0  # nothing new
    assert taking.decide() == "idle"
    pin = taking.taken()
    released = neighbours.first.released
    assert released is not None
    assert (pin.distribution, pin.number, pin.release) == (FIRST, 1, released.digest)
    assert [(package.name, package.needs) for package in pin.packages] == [("openssl", (SAY,)), ("say", ())]
    assert pin.address == neighbours.address
    blobs = taking.application.blobs
    entry = IndexTree(taking.blob, taking.head().index).entry("web")
    assert entry is not None
    assert entry.needs == (SSL,)
    # A client opens what was pinned, and finds exactly the tested builds.
    host = Host(tmp_path / "state", tmp_path / "shared")
    home = ImportedReleases(host.state, host.blobs, host.subscriptions).open(pin)
    assert [home.entry(package.name).descriptor.digest for package in pin.packages] == [
        package.descriptor for package in pin.packages
    ]
    assert not blobs.has(neighbours.first.entries["openssl"][0].archive.digest)  # no test needed it


def test_before_it_was_followed_the_package_is_held_back_for_what_it_lacks(taking: ImportingFarm) -> None:
    submit_web(taking)
    assert taking.decide() == "refused"
    assert f"requires the package {SSL}" in taking.excuses()["web"].reason
    taking.follow()
    assert taking.decide() == "idle"
    assert taking.excuses() == {}
    assert names(taking) == ["openssl", "say"]


def test_what_an_own_package_provides_is_not_taken(taking: ImportingFarm) -> None:
    submit_web(taking)
    taking.shape("talk", "1.0", {"bin/say": elf()})
    taking.submit(recipe("talk"))
    taking.follow()
    assert taking.decide() == "idle"
    with taking.application.reading() as unit:
        found = imported.newest_release(unit.session, FIRST, "edge", taking.taken().root)
        assert found is not None
        assert set(imported.packages_of(unit.session, found.id)) == {SSL, SAY}
    assert [(package.name, package.needs) for package in taking.taken().packages] == [("openssl", ("talk",))]


def test_a_test_gets_the_archives_of_foreign_packages(taking: ImportingFarm, neighbours: Neighbours) -> None:
    submit_web(taking, more=WITH_TEST)
    taking.follow()
    taking.build_all_but_tests()
    step = taking.pipeline.advance()
    assert f"the archive of {SSL} 3.0-1, {SAY} 1.0-1 is being fetched" in step.message
    assert taking.run_tests() == 0
    assert taking.following is not None
    assert taking.following.fetch_archives() == 2
    there: list[dict[str, str]] = []
    taking.decide(judge=lambda _name, with_it: there.append(with_it) or True)
    assert there == [{"openssl": "3.0", "say": "1.0", "web": "1.0"}]
    assert taking.application.blobs.has(neighbours.first.entries["openssl"][0].archive.digest)
    assert names(taking) == ["openssl", "say"]


def test_what_is_required_in_one_version_only_keeps_the_pin_on_it(
    taking: ImportingFarm, neighbours: Neighbours
) -> None:
    taking.shape("web", "1.0", {}, requires=(f"{SSL}=3.0",))
    taking.submit(recipe("web", more=f"requires: [{SSL} = 3.0]\n"))
    taking.follow()
    assert taking.decide() == "idle"
    entry = IndexTree(taking.blob, taking.head().index).entry("web")
    assert entry is not None
    assert entry.needs == (SSL,)
    update(neighbours, "3.1")
    taking.follow()
    assert taking.decide() == "refused"
    assert taking.excuses()[SSL].reason == (
        f"web 1.0-1 requires exactly {SSL} 3.0 (any revision), which no package of the set provides; "
        f"the set has {SSL} 3.1-1"
    )
    assert taking.taken().number == 1
    taking.shape("web", "2.0", {}, requires=(f"{SSL}=3.1-1",))
    taking.submit(recipe("web", version="2.0", more=f"requires: [{SSL} = 3.1-1]\n"))
    assert taking.decide() == "idle"
    assert taking.taken().number == 2
    assert taking.excuses() == {}


def test_an_update_over_there_becomes_a_candidate_here(taking: ImportingFarm, neighbours: Neighbours) -> None:
    submit_web(taking, more=WITH_TEST)
    taking.follow()
    taking.decide()
    update(neighbours, "3.1")
    assert taking.follow() == 1
    assert taking.decide() == "idle"
    assert taking.signer.signed == [1, 2]
    assert taking.taken().number == 2
    with taking.application.reading() as unit:
        latest = candidates.latest_candidate(unit.session, "edge")
        assert latest is not None
        assert [(change.name, change.state) for change in candidates.changes_of(unit.session, latest.id)] == [
            (SSL, "accepted")
        ]
    assert taking.test_runs == ["of web", "of web"]  # its dependents were tested with it


def test_an_update_that_breaks_the_proof_is_held_and_the_older_pin_stays(
    taking: ImportingFarm, neighbours: Neighbours
) -> None:
    submit_web(taking)
    taking.follow()
    taking.decide()
    taking.shape("clash", "1.0", {"bin/shout": elf()})
    taking.submit(recipe("clash"))
    taking.decide()
    update(neighbours, "3.1", **{"bin/shout": "mine"})
    taking.follow()
    assert taking.decide() == "refused"
    excuse = taking.excuses()[SSL]
    assert "both claim /usr/bin/shout" in excuse.reason
    assert excuse.remedy.startswith(f"Tell the owner of {FIRST}")
    assert taking.taken().number == 1
    # Own packages continue meanwhile, on the older pin.
    taking.submit(recipe("more"))
    taking.decide()
    assert "more" in taking.released()
    assert taking.taken().number == 1
    assert SSL in taking.excuses()
    # And the next update there becomes a candidate automatically.
    update(neighbours, "3.2")
    taking.follow()
    assert taking.decide() == "idle"
    assert taking.taken().number == 3
    assert SSL not in taking.excuses()


def test_an_update_that_breaks_a_test_is_held_and_names_the_foreign_package(
    taking: ImportingFarm, neighbours: Neighbours
) -> None:
    submit_web(taking, more=WITH_TEST)
    taking.follow()
    taking.decide()
    update(neighbours, "3.1")
    taking.follow()
    assert taking.decide(judge=lambda _name, there: there["openssl"] != "3.1") == "refused"
    excuse = taking.excuses()[SSL]
    assert (excuse.gate, "'of web' of web failed" in excuse.reason) == ("tests", True)
    assert (excuse.version, excuse.digest) == ("3.1-1", neighbours.first.entries["openssl"][1].descriptor.digest)
    assert excuse.remedy.startswith(f"Fix web, or tell the owner of {FIRST}: the older release stays pinned")
    assert taking.taken().number == 1


def test_all_that_is_taken_of_a_distribution_moves_as_one(taking: ImportingFarm, neighbours: Neighbours) -> None:
    submit_web(taking)
    taking.shape("clash", "1.0", {"bin/shout": elf()})
    taking.submit(recipe("clash"))
    taking.follow()
    taking.decide()
    neighbours.first.package("say", {"bin/say": "\x7fnewer"}, version="2.0")
    update(neighbours, "3.1", **{"bin/shout": "mine"})
    taking.follow()
    taking.decide()
    pin = taking.taken()
    assert pin.number == 1
    assert {excuse.package for excuse in taking.excuses().values()} == {SSL, SAY}


def test_a_release_that_changes_nothing_here_is_pinned_with_the_next(
    taking: ImportingFarm, neighbours: Neighbours
) -> None:
    submit_web(taking)
    taking.follow()
    taking.decide()
    neighbours.first.package("unused", {"share/unused/file": "y"}, version="2.0")
    neighbours.first.publish()
    taking.follow()
    assert taking.decide() == "idle"
    assert taking.signer.signed == [1]
    taking.submit(recipe("more"))
    taking.decide()
    assert taking.taken().number == 2


def test_what_is_required_no_more_is_taken_no_more(taking: ImportingFarm) -> None:
    submit_web(taking)
    taking.follow()
    taking.decide()
    submit_web(taking, version="2.0", more="")
    assert taking.decide() == "idle"
    assert taking.head().imports == ()
    assert taking.signer.signed == [1, 2]


def test_another_channel_takes_what_its_source_has(taking: ImportingFarm, neighbours: Neighbours) -> None:
    submit_web(taking)
    taking.follow()
    taking.decide()
    stable = taking.channel(STABLE)
    assert stable.advance().state == "released"
    assert taking.taken("stable") == taking.taken()
    update(neighbours, "3.1")
    taking.follow()
    taking.decide()
    assert stable.advance().state == "released"
    assert taking.taken("stable").number == 2
    assert stable.advance().state == "idle"


def test_a_farm_that_starts_again_goes_on_with_what_it_had(taking: ImportingFarm, neighbours: Neighbours) -> None:
    submit_web(taking)
    taking.follow()
    taking.decide()
    taking.pipeline = taking.channel(taking.pipeline._tools.policy)
    assert taking.decide() == "idle"
    update(neighbours, "3.1")
    taking.follow()
    assert taking.decide() == "idle"
    assert taking.taken().number == 2


def test_a_mirror_with_other_keys_is_complained_about_and_changes_nothing(
    taking: ImportingFarm, neighbours: Neighbours, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    submit_web(taking)
    taking.follow()
    taking.decide()
    thief = SmallDistribution(tmp_path / "thief", domain=FIRST)
    thief.package("openssl", {"bin/openssl": "bad"}, version="9")
    thief.publish()
    root = (neighbours.first.public / "metadata/1.root.json").read_bytes()
    shutil.rmtree(neighbours.first.public)
    shutil.copytree(thief.public, neighbours.first.public)
    (neighbours.first.public / "metadata/1.root.json").write_bytes(root)
    assert taking.follow() == 0
    assert "is refused" in caplog.text
    assert taking.decide() == "idle"
    assert taking.taken().number == 1


def test_a_package_that_its_own_distribution_does_not_vouch_for_is_not_taken(
    taking: ImportingFarm, neighbours: Neighbours, caplog: pytest.LogCaptureFixture
) -> None:
    stranger = CryptoSigner.generate_ed25519()
    neighbours.first.package("openssl", {"bin/openssl": "bad"}, version="3.1", signed_by=stranger)
    neighbours.first.publish(checked=False)
    submit_web(taking)
    assert taking.follow() == 0
    assert "no allowed key" in caplog.text
    assert taking.decide() == "refused"


def test_a_distribution_that_cannot_be_reached_keeps_nothing_back(
    taking: ImportingFarm, neighbours: Neighbours, caplog: pytest.LogCaptureFixture
) -> None:
    submit_web(taking)
    taking.follow()
    taking.decide()
    shutil.rmtree(neighbours.first.public)
    assert taking.follow() == 0
    assert "cannot reach the repository" in caplog.text
    taking.submit(recipe("more"))
    taking.decide()
    assert "more" in taking.released()


def test_whom_one_cannot_follow_keeps_no_other_from_being_followed_and_is_told_until_it_is_mended(
    taking: ImportingFarm, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = taking.application.inputs.distributions[FIRST]
    broken = [replace(here, name=f"{name}.example", address=f"http://127.0.0.1:1/{name}") for name in ("a", "b")]

    def open_repository(address: str) -> tuple[RepositoryReader, Downloads]:
        if address.endswith("/a"):
            raise RuntimeError("nobody thought of this")
        reader = open_reader(address)
        return reader, Downloads(reader, taking.application.blobs)

    def follow(*others: OtherDistribution) -> list[dict[str, str]]:
        named = {distribution.name: distribution for distribution in (*others, here)}
        application = taking.application = replace(
            taking.application, inputs=replace(taking.application.inputs, distributions=named)
        )
        if others and not asked:
            asked.append(taking.submit(recipe("web", more=f"requires: [a.example/x, b.example/x, {SSL}]\n")))
        DistributionFollower(application, tmp_path / "state", open_repository).advance()
        found: list[dict[str, str]] = taking.status().to_dict()["unfollowed"]
        return found

    asked: list[object] = []
    unfollowed = follow(*broken)
    assert "nobody thought of this" in caplog.text
    with taking.application.reading() as unit:
        assert imported.is_known(unit.session, SSL)
    assert [failure["distribution"] for failure in unfollowed] == ["a.example", "b.example"]
    assert unfollowed[0]["why"] == "RuntimeError: the log of the control process says more."
    assert unfollowed[1]["why"].startswith("cannot read the root metadata at http://127.0.0.1:1/b")
    taking.clock.passes(60)
    assert follow(*broken) == unfollowed  # the time of the first failure, not of the last attempt
    assert follow() == []


def test_a_recipe_cannot_require_of_whom_nobody_named(taking: ImportingFarm) -> None:
    with pytest.raises(RecipeError, match=r"'third.example/x' is of a distribution that distributions.yaml does not"):
        taking.submit(recipe("web", more="requires: [third.example/x]\n"))


def test_a_rollback_brings_back_what_was_taken_then(taking: ImportingFarm, neighbours: Neighbours) -> None:
    submit_web(taking)
    taking.follow()
    taking.decide()
    first = taking.taken()
    update(neighbours, "3.1")
    taking.follow()
    taking.decide()
    with taking.application.writing() as unit:
        detail = {"number": 1}
        orders.add_order(
            unit.session,
            channel="edge",
            kind="rollback",
            detail=detail,
            reason="it broke my web",
            ordered_by="ann",
            now=unit.now,
        )
    assert taking.decide() == "refused"
    assert taking.head().number == 3
    assert taking.taken() == first
    assert "a rollback, took it out: it broke my web" in taking.excuses()[SSL].reason
    update(neighbours, "3.2")  # what was removed does not return automatically; newer versions do
    taking.follow()
    assert taking.decide() == "idle"
    assert taking.taken().number == 3


def test_a_promotion_of_one_package_carries_along_what_it_needs_of_others(taking: ImportingFarm) -> None:
    submit_web(taking)
    taking.shape("tool", "1.0", {}, requires=(f"{FIRST}/unused",))
    taking.submit(recipe("tool", more=f"requires: [{FIRST}/unused]\n"))
    taking.follow()
    taking.decide()
    assert names(taking) == ["openssl", "say", "unused"]
    promote_web(taking)
    assert names(taking, "stable") == ["openssl", "say"]


def test_of_what_does_not_move_itself_it_carries_nothing_along(taking: ImportingFarm, neighbours: Neighbours) -> None:
    """The signer would refuse that: a program's promotion does not bring a library."""
    submit_web(taking)
    taking.follow()
    taking.decide()
    promote_web(taking)
    update(neighbours, "3.1")
    taking.follow()
    taking.decide()
    assert taking.taken().number == 2
    assert "nothing" in promote_web(taking)
    assert taking.head("stable").number == 1


def promote_web(taking: ImportingFarm) -> str:
    """Order it, run stable as far as possible, and return the result."""
    with taking.application.writing() as unit:
        detail = {"number": taking.head().number, "from": "edge", "packages": ["web"]}
        order = orders.add_order(
            unit.session, "stable", OrderKind.PROMOTE, detail=detail, reason="so", ordered_by="ann", now=unit.now
        )
    stable = taking.channel(STABLE)
    for _ in range(30):
        stable.advance()
        with taking.application.reading() as unit:
            done = orders.order(unit.session, order.id)
        if done is not None and done.done_at is not None:
            return done.outcome
    raise AssertionError("it is not done")


def test_a_curator_can_hold_a_foreign_package(taking: ImportingFarm, neighbours: Neighbours) -> None:
    taking.pipeline = taking.channel(EDGE, gates=(Holds(),))
    submit_web(taking)
    taking.follow()
    taking.decide()
    with taking.application.writing() as unit:
        holds.add_hold(unit.session, "edge", SSL, reason="not yet", held_by="ann", now=unit.now)
    update(neighbours, "3.1")
    taking.follow()
    assert taking.decide() == "refused"
    assert "ann holds it on edge: not yet" in taking.excuses()[SSL].reason
    assert taking.taken().number == 1
