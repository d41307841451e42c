"""What `farm install`, `upgrade` and `remove` do, each as one call for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.root.installation import RootRequest, install_packages, remove_packages, upgrade_root
from farm.client.root.lock_file import write_lock

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from farm.client.root.generation import Generation
    from farm.core.sets.members.set_record import SetRecord


def install(host: Host, root: Path, *names: str, channel: str = "") -> Generation:
    return install_packages(host, RootRequest(root, names, channel=channel)).after


def install_locked(host: Host, root: Path, record: SetRecord) -> Generation:
    lock = host.state / "farm.lock"
    host.state.mkdir(parents=True, exist_ok=True)
    lock.write_text(write_lock(record))
    return install_packages(host, RootRequest(root, locked=lock)).after


def upgrade(host: Host, root: Path) -> Generation:
    return upgrade_root(host, RootRequest(root)).after


def remove(host: Host, root: Path, *names: str) -> Generation:
    return remove_packages(host, RootRequest(root, names)).after
