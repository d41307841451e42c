"""The outputs of one build move together, a hold on one holds them all, and no output is removed that is still made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from securesystemslib.signer import CryptoSigner

from farm.checker.reading.refusal import RefusedReleaseError
from farm.trust.attestation.curator_order import Act
from farm.trust.ceremony.ceremony import found_channels, sign_policy
from farm.trust.metadata.repository import Repository
from tests.checker.channel import Channel, opened_channel
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.signing.evidence import SignedTest
    from tests.checker.built import Package

TESTER = CryptoSigner.generate_ed25519()
POLICY = b"gates: [proof, tests: {of: changed}]\n"
TESTED = "tests: [{name: works, command: [/usr/bin/works]}]\n"
BOTH = ("", "libs")


@dataclass(frozen=True)
class Duo:
    """A build of the recipe `duo`: its packages by the names of outputs; the main output's name is empty."""

    outputs: dict[str, Package]

    @property
    def all(self) -> tuple[Package, ...]:
        return tuple(self.outputs.values())

    def __getitem__(self, output: str) -> Package:
        return self.outputs[output]


def duo(edge: Channel, revision: int, *outputs: str, more: str = "") -> Duo:
    """Build a revision of `duo` with these `outputs`; with `BOTH` if none are given."""
    made = outputs or BOTH
    named = [f"  {output}: [lib/**]\n" for output in made if output not in ("", "debug")]
    text = "".join(["outputs:\n", *named]) if named else ""
    recipe = edge.builder.recipe("duo", more=f"revision: {revision}\n{text}{more}")
    files = {output: {f"lib/{output or 'duo'}/x": f"{revision}".encode()} for output in made}
    edge.builder.put_out(recipe, edge.builder.pin(recipe), files)
    return Duo({output: edge.builder.built[f"duo-{output}" if output else "duo"] for output in made})


def plain(edge: Channel, name: str, revision: int = 1) -> Package:
    return edge.builder.build(edge.builder.recipe(name, more=f"revision: {revision}\n"))


def result(edge: Channel, *, passed: bool = True) -> SignedTest:
    """A signed result of the test of the newest `duo`."""
    return edge.builder.test("duo", ["duo"], TESTER, passed=passed)


@pytest.fixture
def edge(tmp_path: Path) -> Channel:
    """Channels of what is built: stable takes from edge, and lts takes from stable."""
    policies = {f"channels/{name}.yaml": f"from: {of}\n".encode() + POLICY for name, of in FROM.items()}
    edge = opened_channel(tmp_path, POLICY, testers=[TESTER], policies=policies)
    repository = Repository(edge.public)
    found_channels(repository, edge.keys, sorted(FROM), datetime.now(UTC))
    sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), datetime.now(UTC))
    return edge


FROM = {"stable": "edge", "lts": "stable"}


class TestTogether:
    @pytest.fixture
    def newer(self, edge: Channel) -> Duo:
        """Revision 2 of the released package, whose test fails."""
        edge.sign(*duo(edge, 1, "", "libs", "debug").all)
        return duo(edge, 2, "", "libs", "debug", more=TESTED)

    def test_a_library_does_not_come_without_the_package_that_its_tests_are_run_on(
        self, edge: Channel, newer: Duo
    ) -> None:
        with refuses("split-build", match="duo-libs comes without duo: both are outputs of duo, and") as no:
            edge.sign(newer["libs"], tests=[result(edge, passed=False)])
        assert no.value.message.endswith("duo, on which their tests are run, is of another build there")
        assert no.value.remedy == "Release the outputs of one build of duo together."
        assert set(no.value.by_package) == {"duo-libs"}

    def test_nor_when_that_goes_in_the_same_release(self, edge: Channel, newer: Duo) -> None:
        with refuses("split-build", match="duo, on which their tests are run, is not in the release"):
            edge.sign(newer["libs"], remove=["duo", "duo-debug"], tests=[result(edge, passed=False)])

    def test_nor_to_a_channel_that_has_none_of_it(self, edge: Channel, newer: Duo) -> None:
        other = replace(newer["libs"], needs=())
        edge.sign(*newer.all, tests=[result(edge)])
        with refuses("split-build", match="is not in the release"):
            edge.named("stable").sign(other)

    def test_the_package_itself_leaves_no_output_of_another_build_behind(self, edge: Channel, newer: Duo) -> None:
        for some in (["", "libs"], ["", "debug"]):
            with refuses("split-build", match="is of another build there"):
                edge.sign(*(newer[package] for package in some), tests=[result(edge)])
        third = duo(edge, 3, "", "debug")  # which no longer makes the other output
        with refuses("split-build", match="duo comes without duo-libs"):
            edge.sign(*third.all)

    def test_together_they_come_when_their_tests_have_passed(self, edge: Channel, newer: Duo) -> None:
        with refuses("untested-release", match="'works' of duo"):
            edge.sign(*newer.all, tests=[result(edge, passed=False)])
        edge.sign(*newer.all, tests=[result(edge)])
        assert edge.released == 2

    def test_what_comes_asks_for_the_tests_that_its_own_entry_names(self, edge: Channel, newer: Duo) -> None:
        """A package that omits the newest tests does not hide those that its sibling names."""
        outputs = "revision: 2\noutputs: {libs: [lib/**]}\n"
        newest = edge.builder.recipe("duo", more=outputs + TESTED.replace("name: works", "name: works-now"))
        passed = [result(edge)]
        named = replace(newer["libs"], tests=newest.digest)
        with refuses("untested-release", match="'works-now' of duo"):
            edge.sign(newer[""], newer["debug"], named, tests=passed)
        (test,) = newest.tests
        passed.append(edge.builder.test("duo", ["duo"], TESTER, test=test))
        edge.sign(newer[""], newer["debug"], named, tests=passed)
        assert edge.released == 2

    def test_what_is_released_with_newer_tests_is_no_other_build(self, edge: Channel, newer: Duo) -> None:
        """So too where this is why a rebuild was dropped: the earlier build stays, and names the newer recipe."""
        edge.sign(*newer.all, tests=[result(edge)])
        outputs = "revision: 2\noutputs: {libs: [lib/**]}\n"
        newest = edge.builder.recipe("duo", more=outputs + TESTED.replace("name: works", "name: works-now"))
        edge.sign(replace(newer["libs"], tests=newest.digest))
        assert edge.released == 3

    @pytest.mark.usefixtures("newer")
    def test_an_output_may_come_to_be_a_recipe_of_its_own(self, edge: Channel) -> None:
        own = plain(edge, "duo-libs", 9)
        edge.sign(own)
        edge.sign(*duo(edge, 3, "", "debug").all)
        assert edge.released == 3


class TestApart:
    """Packages of two builds that are together in a channel by a curator's order, and what follows."""

    @pytest.fixture
    def stable(self, edge: Channel) -> Channel:
        """Stable has revision 1, and edge has 2."""
        stable = edge.named("stable")
        first = duo(edge, 1, "", "libs", "debug")
        edge.sign(*first.all)
        stable.sign(*first.all)
        edge.sign(*duo(edge, 2, "", "libs", "debug").all)
        return stable

    def now(self, stable: Channel, output: str) -> Package:
        return stable.builder.built[f"duo-{output}" if output else "duo"]

    def promote(self, stable: Channel, *names: str, **said: Any) -> None:
        stable.order(
            Act.PROMOTE, origin="edge", target=stable.newest("edge").digest, packages=dict.fromkeys(names), **said
        )

    @pytest.mark.parametrize("output", ["", "libs", "debug"])
    def test_one_package_is_promoted_alone_by_an_order_that_names_it(self, stable: Channel, output: str) -> None:
        package = self.now(stable, output)
        with refuses("split-build"):
            stable.sign(package)
        name = package.descriptor.name.short
        order = stable.given(Act.PROMOTE, origin="edge", target=stable.newest("edge").digest, packages={name: None})
        stable.sign(package, orders=[stable.bring(order)])
        assert stable.released == 2

    def test_an_order_for_both_is_none_for_one(self, stable: Channel) -> None:
        target = stable.newest("edge").digest
        names = {"duo": None, "duo-libs": None}
        for packages in (names, {}):
            order = stable.order(Act.PROMOTE, origin="edge", target=target, packages=packages)
            with refuses("split-build", match="duo-libs comes without duo:"):
                stable.sign(self.now(stable, "libs"), orders=[order])

    def test_what_was_left_behind_comes_later_and_a_third_build_too(self, stable: Channel) -> None:
        self._apart(stable)
        stable.sign(self.now(stable, ""), self.now(stable, "debug"))
        self._apart(stable, revision=3)
        fourth = duo(stable, 4, "", "debug")
        stable.named("edge").sign(*fourth.all, remove=["duo-libs"])
        stable.sign(*fourth.all, remove=["duo-libs"])
        assert stable.released == 5

    def _apart(self, stable: Channel, revision: int = 2) -> None:
        if revision > 2:
            stable.named("edge").sign(*duo(stable, revision, "", "libs", "debug").all)
        given = {"origin": "edge", "target": stable.newest("edge").digest, "packages": {"duo-libs": None}}
        stable.sign(self.now(stable, "libs"), orders=[stable.order(Act.PROMOTE, **given)])

    def test_a_channel_that_takes_what_another_has_has_it_so(self, stable: Channel) -> None:
        first = {name: stable.builder.ever[index] for index, name in enumerate(("", "libs", "debug"))}
        lts = stable.named("lts")
        with refuses("split-build"):
            stable.sign(self.now(stable, "libs"))
        self._apart(stable)
        with refuses("split-build"):
            lts.sign(self.now(stable, "libs"))
        lts.sign(first[""], first["debug"], self.now(stable, "libs"))
        assert lts.released == 1


class TestDepartures:
    def test_nothing_goes_because_control_says_so(self, edge: Channel) -> None:
        edge.sign(*duo(edge, 1).all, plain(edge, "zlib"))
        for names in (["zlib"], ["duo-libs"], ["duo", "duo-libs"], ["duo", "duo-libs", "zlib"]):
            with refuses("unexplained-departure", match=f"{names[0]} may not be removed from edge: the") as no:
                edge.sign(remove=names)
            assert set(no.value.by_package) == set(names)
            assert "by `farm channel rollback edge`" in no.value.remedy
        assert edge.released == 1

    def test_what_the_newer_build_makes_still_does_not_go(self, edge: Channel) -> None:
        edge.sign(*duo(edge, 1).all)
        with refuses("unexplained-departure", match="the build of duo in the release makes it"):
            edge.sign(duo(edge, 2)[""], remove=["duo-libs"])

    def test_what_the_newer_build_makes_no_more_goes_with_it(self, edge: Channel) -> None:
        edge.sign(*duo(edge, 1, "", "libs", "debug").all)
        edge.sign(*duo(edge, 2, "", "parts").all, remove=["duo-libs", "duo-debug"])
        assert edge.released == 2

    def test_by_a_rollback_goes_what_the_release_was_without(self, edge: Channel) -> None:
        edge.sign(plain(edge, "zlib"))
        before = edge.newest().digest
        edge.sign(*duo(edge, 1).all, plain(edge, "zlib", 2))
        order = edge.order(Act.ROLLBACK, target=before)
        with refuses("unexplained-departure"):
            edge.sign(remove=["zlib"], orders=[order])
        edge.sign(remove=["duo", "duo-libs"], orders=[order])  # zlib is held back, so it is not the previous set
        assert edge.released == 3

    def test_from_another_channel_goes_what_is_gone_there(self, edge: Channel) -> None:
        stable = edge.named("stable")
        first = duo(edge, 1)
        edge.sign(*first.all)
        stable.sign(*first.all)
        second = duo(edge, 2, "")
        edge.sign(second[""], remove=["duo-libs"])
        stable.sign(second[""], remove=["duo-libs"])
        assert stable.released == 2


class TestHolds:
    @pytest.mark.parametrize("held", ["duo", "duo-libs", "duo-debug"])
    def test_a_hold_on_a_package_holds_the_outputs_of_its_build(self, edge: Channel, held: str) -> None:
        edge.sign(*duo(edge, 1, "", "libs", "debug").all, plain(edge, "zlib"))
        edge.order(Act.HOLD, packages={held: None})
        newer = duo(edge, 2, "", "libs", "debug")
        others = [package for package in newer.all if package.descriptor.name.short != held]
        why = "an output of the same build, may not move without it"
        for some in (others, others[:1], others[1:]):
            with refuses("held", match=f"ann holds {held} on edge, and .*{why}") as no:
                edge.sign(*some)
            assert f"farm channel hold edge {held} --lift" in no.value.remedy
        edge.sign(plain(edge, "zlib", 2))
        edge.order(Act.LIFT, packages={held: None})
        edge.sign(*newer.all)
        assert edge.released == 3

    def test_it_holds_an_output_that_is_made_no_more(self, edge: Channel) -> None:
        edge.sign(*duo(edge, 1).all)
        edge.order(Act.HOLD, packages={"duo-libs": None})
        with refuses("held"):
            edge.sign(*duo(edge, 2, "").all)

    def test_it_holds_the_build_that_would_bring_it(self, edge: Channel) -> None:
        edge.sign(*duo(edge, 1).all)
        edge.order(Act.HOLD, packages={"duo-parts": None})
        newer = duo(edge, 2, "", "libs", "parts")
        with refuses("held", match="holds duo-parts on edge, and duo, an output"):
            edge.sign(newer[""], newer["libs"])
        edge.sign(*duo(edge, 3).all)

    def test_one_package_is_promoted_beside_what_is_held(self, edge: Channel) -> None:
        stable, first = edge.named("stable"), duo(edge, 1)
        edge.sign(*first.all)
        stable.sign(*first.all)
        newer = duo(edge, 2)
        edge.sign(*newer.all)
        stable.order(Act.HOLD, packages={"duo-libs": None})
        target = edge.newest().digest
        for packages in ({}, {"duo": None}):
            order = stable.order(Act.PROMOTE, origin="edge", target=target, packages=packages)
            if not packages:
                with refuses("held"):
                    stable.sign(newer[""], orders=[order])
        stable.sign(newer[""], orders=[order])
        assert stable.released == 2


class TestTransitions:
    """Packages that move together by the signed policy of a channel."""

    @pytest.fixture
    def edge(self, edge: Channel) -> Channel:
        """Both channels require that `zlib` and `jq` move together; they have released both."""
        together = b"transitions: [{name: zj, packages: [zlib, jq]}]\n"
        edge.builder.policies = {name: text + together for name, text in edge.builder.policies.items()}
        sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), datetime.now(UTC))
        with refuses("parted-transition", match="jq changes without zlib: the transition zj"):
            edge.sign(plain(edge, "jq"))
        both = plain(edge, "zlib"), plain(edge, "jq")
        edge.sign(*both)
        edge.named("stable").sign(*both)
        return edge

    def test_none_moves_alone(self, edge: Channel) -> None:
        zlib, jq, other = (plain(edge, name, 2) for name in ("zlib", "jq", "other"))
        for some in ([zlib], [jq, other]):
            with refuses("parted-transition") as no:
                edge.sign(*some)
            assert set(no.value.by_package) == {some[0].descriptor.name.short}
        edge.sign(other)
        edge.sign(zlib, jq)
        assert edge.released == 3

    def test_a_hold_on_one_holds_the_other(self, edge: Channel) -> None:
        zlib, jq = (plain(edge, name, 2) for name in ("zlib", "jq"))
        edge.order(Act.HOLD, packages={"jq": None})
        with refuses("held"):
            edge.sign(zlib, jq)
        with refuses("parted-transition"):
            edge.sign(zlib)
        edge.order(Act.LIFT, packages={"jq": None})
        edge.sign(zlib, jq)

    def test_one_is_promoted_alone_by_an_order_that_names_it(self, edge: Channel) -> None:
        stable, newer = edge.named("stable"), [plain(edge, name, 2) for name in ("zlib", "jq")]
        edge.sign(*newer)
        target = edge.newest().digest
        for packages in ({}, {"zlib": None, "jq": None}):
            order = stable.order(Act.PROMOTE, origin="edge", target=target, packages=packages)
            with refuses("parted-transition"):
                stable.sign(newer[0], orders=[order])
        order = stable.order(Act.PROMOTE, origin="edge", target=target, packages={"zlib": None})
        stable.sign(newer[0], orders=[order])
        assert stable.released == 2

    def test_two_promotions_together_part_nothing_that_each_alone_does_not(self, edge: Channel) -> None:
        """One order names a package alone, of an earlier release; the other names both, of a later one."""
        stable = edge.named("stable")

        def promotion(revision: int, *names: str) -> tuple[Package, Digest]:
            newer = [plain(edge, name, revision) for name in ("zlib", "jq")]
            edge.sign(*newer)
            target, packages = edge.newest().digest, dict.fromkeys(names)
            return newer[0], stable.order(Act.PROMOTE, origin="edge", target=target, packages=packages)

        second, alone = promotion(2, "zlib")
        third, both = promotion(3, "zlib", "jq")
        with refuses("parted-transition"):
            stable.sign(third, orders=[alone, both])
        stable.sign(second, orders=[alone])
        assert stable.released == 2

    def test_a_rollback_brings_back_what_there_was(self, edge: Channel) -> None:
        first, target = edge.builder.built["zlib"], edge.newest().digest
        newer = plain(edge, "zlib", 2)
        edge.builder.policies = {"channels/edge.yaml": POLICY}
        sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), datetime.now(UTC))
        edge.sign(newer)
        edge.builder.policies = {"channels/edge.yaml": POLICY + b"transitions: [{name: zj, packages: [zlib, jq]}]\n"}
        sign_policy(Repository(edge.public), edge.keys, edge.builder.policy(), datetime.now(UTC))
        edge.sign(first, orders=[edge.order(Act.ROLLBACK, target=target)])
        assert edge.released == 3


class TestGoingBack:
    def test_a_retry_of_one_package_brings_what_its_build_put_out(self, edge: Channel) -> None:
        edge.sign(plain(edge, "zlib"))
        before = edge.newest().digest
        first, second = duo(edge, 1), duo(edge, 2)
        edge.sign(*first.all)
        edge.sign(*second.all)
        edge.sign(remove=["duo", "duo-libs"], orders=[edge.order(Act.ROLLBACK, target=before)])
        edge.order(Act.RETRY, packages={"duo": first[""].descriptor.digest})
        for others in (second.all, (second[""], first["libs"])):
            with refuses("unordered"):
                edge.sign(*others)
        edge.sign(*first.all)
        assert edge.released == 5

    def test_a_release_of_before_is_that_though_more_is_known_of_its_packages(self, edge: Channel) -> None:
        """The pipeline states its current knowledge of which recipe's tests ran, and who has rebuilt the packages."""
        first = duo(edge, 1, more=TESTED)
        edge.sign(*first.all, tests=[result(edge)])
        before = edge.newest().digest
        newest = edge.builder.recipe("duo", more="revision: 1\noutputs:\n  libs: [lib/**]\n" + TESTED + "# newest\n")
        edge.sign(*duo(edge, 2).all)
        order = edge.order(Act.ROLLBACK, target=before)
        more = [replace(package, tests=newest.digest) for package in first.all]
        untrue = [replace(more[0], sbom=None), more[1]]
        for packages in (untrue, more[:1], [*more, plain(edge, "zlib")]):
            with pytest.raises(RefusedReleaseError):
                edge.sign(*packages, orders=[order])
        edge.sign(*more, orders=[order])
        assert edge.released == 3
