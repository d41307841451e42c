"""After a rollback a channel keeps its state until a new build is made, or a package is ordered back by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.curation import orders
from farm.server.curation.ordering import withdraw_order
from farm.server.identities.access import Actor
from tests.farms.small import recipe
from tests.farms.two_channels import TwoChannels, order
from tests.server.pipeline.test_scenarios import TEST, library, program

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.farms.releasing import ReleasingFarm


def gone_back(releasing: ReleasingFarm) -> None:
    """Edge has released aa and bb, then new ones and cc, and was rolled back."""
    releasing.submit(recipe("aa"), recipe("bb"))
    releasing.settle()
    releasing.submit(recipe("aa", version="2.0"), recipe("bb", version="2.0"), recipe("cc"))
    releasing.settle()
    order(releasing, "rollback", {"number": 1})
    releasing.settle()
    releasing.advance()


def gates(releasing: ReleasingFarm) -> Mapping[str, str]:
    return {name: excuse.gate for name, excuse in releasing.excuses().items()}


def test_a_retry_brings_back_what_it_names_and_nothing_else(releasing: ReleasingFarm) -> None:
    gone_back(releasing)
    order(releasing, "retry", {"packages": ["cc"]})
    releasing.settle()
    assert releasing.versions() == {"aa": "1.0", "bb": "1.0", "cc": "1.0"}
    assert gates(releasing) == {"aa": "rolled-back", "bb": "rolled-back"}
    releasing.submit(recipe("dd"))
    releasing.settle()
    assert releasing.versions() == {"aa": "1.0", "bb": "1.0", "cc": "1.0", "dd": "1.0"}


def test_a_retry_that_was_withdrawn_brings_nothing_back(releasing: ReleasingFarm) -> None:
    gone_back(releasing)
    given = order(releasing, "retry", {"packages": ["cc"]})
    with releasing.application.planning() as unit:
        withdraw_order(unit, Actor("token:ann", "192.0.2.1"), "edge", given.id, why="no")
    releasing.submit(recipe("dd"))
    releasing.settle()
    assert releasing.versions() == {"aa": "1.0", "bb": "1.0", "dd": "1.0"}


def test_a_retry_that_names_nothing_brings_nothing_back(releasing: ReleasingFarm) -> None:
    gone_back(releasing)
    order(releasing, "retry", {"packages": []})
    releasing.settle()
    assert releasing.versions() == {"aa": "1.0", "bb": "1.0"}
    assert set(gates(releasing)) == {"aa", "bb", "cc"}


def test_a_retry_brings_along_what_must_move_with_what_it_names(releasing: ReleasingFarm) -> None:
    for version, soname in (("1.0", "libx.so.1"), ("2.0", "libx.so.2")):
        releasing.shape("libx", version, library(soname, "x_open"))  # type: ignore[arg-type]
        releasing.shape("user", version, program("user", soname, "x_open"))  # type: ignore[arg-type]
    for version in ("1.0", "2.0"):
        releasing.submit(*(recipe(name, version=version) for name in ("libx", "user", "apart")))
        releasing.settle()
    order(releasing, "rollback", {"number": 1})
    releasing.settle()
    releasing.advance()
    given = order(releasing, "retry", {"packages": ["user"]})
    releasing.settle(failing=())
    assert releasing.versions() == {"apart": "1.0", "libx": "2.0", "user": "2.0"}
    with releasing.application.reading() as unit:
        (kept,) = [listed_order for listed_order in orders.orders(unit.session, "edge") if listed_order.id == given.id]
    assert kept.detail["along"] == ["libx"]


def test_what_was_held_when_a_channel_went_back_does_not_come_in_for_that(releasing: ReleasingFarm) -> None:
    """bb breaks with the new aa: without aa bb would pass, and the channel would not keep its state."""

    def judge(_test: str, there: dict[str, str]) -> bool:
        return not (there["aa"] == "2.0" and there["bb"] >= "3")

    releasing.shape("whole", "1.0", {}, requires=("package:aa", "package:bb"))
    releasing.submit(recipe("aa"), recipe("bb"), recipe("whole", more=TEST.format("together")))
    releasing.settle()
    first = releasing.released()
    releasing.submit(recipe("aa", version="2.0"))
    releasing.settle()
    releasing.submit(recipe("bb", version="3.0"))
    releasing.settle(judge=judge)
    assert gates(releasing) == {"bb": "tests"}
    order(releasing, "rollback", {"number": 1})
    releasing.settle(judge=judge)
    assert releasing.releases() == 3
    assert releasing.advance() == "refused"
    assert releasing.released() == first
    excuse = releasing.excuses()["bb"]
    assert (excuse.gate, excuse.version) == ("rolled-back", "3.0-1")
    assert excuse.reason == "release 3 of edge, a rollback, left it out: it ate my homework"
    assert "release 3 of edge, a rollback, took it out" in releasing.excuses()["aa"].reason
    assert excuse.remedy == "A new version enters automatically; to release this one: `farm candidate retry edge bb`."
    order(releasing, "retry", {"packages": ["bb"]})
    releasing.settle(judge=judge)
    assert (releasing.versions()["aa"], releasing.versions()["bb"]) == ("1.0", "3.0")


def test_a_new_build_of_what_was_left_out_goes_in(releasing: ReleasingFarm) -> None:
    gone_back(releasing)
    releasing.submit(recipe("aa", version="2.1"))
    releasing.settle()
    assert releasing.versions() == {"aa": "2.1", "bb": "1.0"}


def test_a_rollback_that_the_signer_refused_leaves_nothing_out(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("aa"))
    releasing.settle()
    releasing.submit(recipe("aa", version="2.0"))
    releasing.settle()
    releasing.submit(recipe("bb"))
    releasing.signer.refuses = True
    order(releasing, "rollback", {"number": 1})
    releasing.advance()
    releasing.signer.refuses = False
    releasing.settle()
    assert releasing.versions() == {"aa": "2.0", "bb": "1.0"}


def test_what_a_rollback_brought_back_does_not_go_again_because_its_source_is_without_it(
    releasing: ReleasingFarm,
) -> None:
    two = TwoChannels.open(releasing)
    releasing.submit(recipe("bb"))
    releasing.settle()
    releasing.submit(recipe("aa"))
    two.settle()
    two.roll_back("edge", 1)
    two.settle()
    assert two.holds() == {"bb"}
    two.roll_back("stable", 1)
    two.settle()
    assert two.holds() == {"aa", "bb"}
    excuse = two.excuses()["aa"]
    assert (excuse.gate, excuse.reason) == (
        "rolled-back",
        "release 3 of stable, a rollback, kept it: it ate my homework",
    )
    assert excuse.remedy == "`farm candidate retry stable aa` lets it go."
    releasing.submit(recipe("cc"))
    two.settle()
    assert two.holds() == {"aa", "bb", "cc"}
    order(releasing, "retry", {"packages": ["aa"]}, channel="stable")
    two.settle()
    assert two.holds() == {"bb", "cc"}


def test_what_the_source_releases_afterwards_goes_on_into_a_channel_that_went_back(releasing: ReleasingFarm) -> None:
    two = TwoChannels.open(releasing)
    for version in ("1.0", "2.0"):
        releasing.submit(recipe("aa", version=version), recipe("bb", version=version))
        two.settle()
    two.roll_back("stable", 1)
    two.settle()
    assert {excuse.gate for excuse in two.excuses().values()} == {"rolled-back"}
    releasing.submit(recipe("bb", version="3.0"))
    two.settle()
    assert set(two.excuses()) == {"aa"}
