"""A change in the cache that all roots share is found, reported with the affected roots, and unpacked anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.client.audit.verification_cache import repair_cache, verify_cache
from tests.client.images import subscribe
from tests.client.installing import install

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from tests.client.distribution import SmallDistribution


@pytest.mark.parametrize("damage", ["written", "gone"])
def test_a_damaged_package_of_the_cache_is_told_with_the_roots_that_share_it(
    host: Host, distribution: SmallDistribution, tmp_path: Path, damage: str
) -> None:
    subscribe(host, distribution)
    root = tmp_path / "root"
    install(host, root, "greet", "alone")
    assert verify_cache(host).faults == ()
    store = next(name for name in host.cache.stores() if name.startswith("say-"))
    program = host.cache.path(store) / "bin/say"
    if damage == "written":
        with program.open("ab") as file:
            file.write(b"evil")
    else:
        program.unlink()
    found = verify_cache(host)
    (fault,) = found.faults
    assert (fault.of, fault.what) == (store, "altered")
    assert str(root) in fault.how
    (said,) = repair_cache(host, found)
    assert said.startswith(store)
    assert store not in host.cache.stores()
    install(host, tmp_path / "other", "greet")
    assert (tmp_path / "other/usr/bin/say").read_bytes() == b"\x7fnot elf"
    assert verify_cache(host).faults == ()
