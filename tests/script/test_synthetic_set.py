"""The sets that benchmarks generate: they hold, and have the shape that their description gives."""

from __future__ import annotations

import shutil
import statistics
import subprocess
from typing import TYPE_CHECKING

import pytest

from farm.core.sets.proof.prover import Prover
from script.benchmarks.debian_pool import write_deb
from script.benchmarks.synthetic_channel import SyntheticChannel
from script.benchmarks.synthetic_set import (
    FEWEST_SYMBOLS,
    MOST_SYMBOLS,
    debian_archive,
    synthetic_packages,
)

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = synthetic_packages(1_000)


def test_a_synthetic_set_is_the_same_each_time_and_holds() -> None:
    assert synthetic_packages(1_000) == PACKAGES
    assert Prover(package.member() for package in PACKAGES).proof.problems == ()


def test_its_packages_need_eight_others_and_export_as_many_symbols_as_is_said() -> None:
    assert statistics.median(len(package.needs) for package in PACKAGES) == 8
    exports = [package.exports for package in PACKAGES if package.exports]
    assert len(exports) == 125
    assert FEWEST_SYMBOLS <= min(exports) < 100
    assert 1_000 < max(exports) <= MOST_SYMBOLS
    assert max(sum(count for _, count in package.needs) for package in PACKAGES) <= MOST_SYMBOLS


def test_a_library_that_lost_a_symbol_breaks_the_set() -> None:
    members = [package.member() for package in PACKAGES]
    prover = Prover(members)
    prover.change(remove=[PACKAGES[0].name])
    assert prover.proof.problems


def test_the_archive_of_the_peer_has_the_same_requirements() -> None:
    archive = debian_archive(PACKAGES)
    assert archive.count("Package: ") == 1_000
    depends = [line for line in archive.splitlines() if line.startswith("Depends: ")]
    assert sum(line.count(",") + 1 for line in depends) == sum(len(package.needs) for package in PACKAGES)


def test_a_synthetic_channel_publishes_what_changes(tmp_path: Path) -> None:
    channel = SyntheticChannel(tmp_path, PACKAGES[:100])
    for number in (2, 3):
        channel.publish(channel.build_next())
        assert channel.newest is not None
        assert (channel.newest.number, channel.newest.packages) == (number, 101)


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg")
def test_dpkg_reads_the_packages_of_the_pool(tmp_path: Path) -> None:
    write_deb(tmp_path, "jq", "1.0", ["library000000"])
    output = subprocess.run(
        ["dpkg-deb", "--field", tmp_path / "jq.deb", "Package", "Depends"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    assert output == "Package: jq\nDepends: library000000\n"
