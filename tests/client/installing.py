"""What `farm install` does, as one call for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.client import installation
from farm.client.generations import Root

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.generation import Generation
    from farm.client.host import Host


def install(host: Host, root: Path, *names: str) -> Generation:
    return installation.install(host, host.catalogue(), Root(root), names).after
