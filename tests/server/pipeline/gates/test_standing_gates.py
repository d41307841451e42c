"""Gates that every channel has: what is older than what the channel has, or had last, needs a signed order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.server.curation import signed_orders
from farm.server.pipeline.gates.standing_gates import Older
from tests.farms.small import recipe

if TYPE_CHECKING:
    from farm.server.tables.records import Package
    from tests.server.pipeline.gates.conftest import GatedChannel


def asked(entrance: GatedChannel, package: Package, *ordered: str, channel: str = "edge") -> list[str]:
    """The reasons for which a package is held back."""
    with entrance.farm.application.planning() as unit:
        results = Older(frozenset(ordered)).check(unit, channel, [package])
    return [result.reason for result in results.values()]


def test_an_older_package_needs_a_signed_order(entrance: GatedChannel) -> None:
    first = entrance.arrivals["a"]
    entrance.farm.submit(recipe("a", version="2.0"))
    entrance.farm.build_all()
    entrance.release("edge", 1, "a")
    assert asked(entrance, first) == []  # where no order is signed, no package needs one
    with entrance.farm.application.writing() as unit:
        signed_orders.set_who_orders(unit.session, {"ann": "00" * 32})
    assert asked(entrance, first) == ["it is older than 2.0-1, which edge has or had last"]
    assert asked(entrance, first, "a") == []
    assert asked(entrance, entrance.arrivals["a"]) == []  # the same is not older
    assert asked(entrance, first, channel="stable") == []  # which never had it
    entrance.release("edge", 2, "b")
    assert asked(entrance, first) == ["it is older than 2.0-1, which edge has or had last"]
