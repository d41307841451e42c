"""One farm, made once; each attack runs on a copy of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attack import scenario
from tests.attack.attacks import Range, copied, goes_on
from tests.attack.nursery import Nursery
from tests.attack.oracle import Oracle, honest_entries, names_in, read

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def attack_range(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Range]:
    folder = tmp_path_factory.mktemp("attack")
    with Nursery("workers.checker", "workers.signer") as nursery:
        base = folder / "base"
        scenario.found(base, nursery).close()
        pinned = (base / "public/metadata/1.root.json").read_bytes()
        unattacked = copied(base, folder / "unattacked", nursery)
        unattacked.takes_up()
        unattacked.rests()
        goes_on(unattacked)
        unattacked.close()
        assert not unattacked.errors
        entries = honest_entries(unattacked.public, pinned)
        oracle = Oracle(pinned, read(base / "public", pinned), entries)
        # An oracle that rejects honest work, or accepts everything, would be of no use.
        assert oracle.wrongs(unattacked.public) == []
        assert {"next", "after"} <= names_in(unattacked.public, pinned, "edge").keys()
        yield Range(base, nursery, oracle, scenario.facts(base))
