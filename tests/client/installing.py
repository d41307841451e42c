"""What `farm install` does, as one call for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client.root import installation
from farm.client.root.generations import Root

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from farm.client.root.generation import Generation


def install(host: Host, root: Path, *names: str) -> Generation:
    return installation.install(host, host.catalogue(), Root(root), names).after
