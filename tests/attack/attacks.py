"""The bench for attacks: the farm as built, copies of it, and the oracle that judges them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.policy.gate_kind import GateKind
from farm.server.channels import excuses
from farm.server.curation import ordering
from tests.attack import scenario
from tests.attack.farm import AttackedFarm, own_keys

if TYPE_CHECKING:
    from pathlib import Path

    from tests.attack.nursery import Nursery
    from tests.attack.oracle import Oracle


@dataclass(frozen=True)
class Range:
    """The bench for attacks: the farm as built, and the oracle that judges it."""

    base: Path
    nursery: Nursery
    oracle: Oracle
    facts: dict[str, object]

    def copy(self, folder: Path) -> AttackedFarm:
        """A copy of the farm whose signer runs; its control has not started yet."""
        return copied(self.base, folder, self.nursery)


def copied(base: Path, folder: Path, nursery: Nursery) -> AttackedFarm:
    subprocess.run(["cp", "--archive", base, folder], check=True)
    return AttackedFarm(folder, nursery).start()


def goes_on(farm: AttackedFarm) -> None:
    """Let honest work continue: release what is submitted and built now, and ask again for what the signer refused."""
    farm.hands.signers = own_keys()
    farm.takes_up()
    _ask_again(farm)
    farm.submits(scenario.recipe_with_test("after"))
    farm.rests()


def _ask_again(farm: AttackedFarm) -> None:
    """Do what the farm tells a curator to do with packages that the signer refused: `farm candidate retry`."""
    with farm.application.writing() as unit:
        for channel in scenario.POLICIES:
            standing = (excuse.excuse for excuse in excuses.open_excuses(unit.session, channel))
            wanted = scenario.ALLOWED[channel]
            names = [
                excuse.package for excuse in standing if excuse.gate is GateKind.SIGNER and excuse.package in wanted
            ]
            if names:
                ordering.retry(unit, scenario.CURATOR, channel, packages=names)
