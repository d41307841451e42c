"""The descriptor of a package: small, canonical, and by its digest the package's identity everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.package.host_needs import HostNeeds

if TYPE_CHECKING:
    from farm.names import Digest, PackageName, Platform, Version
    from farm.package.plugin import Plugin

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What a set, a client and a person must know of a package without opening it. Every tuple is sorted and unique.

    `requires` and `provides` are capabilities (`farm.package.capabilities`), `links` pairs of a path in the root
    (`usr/bin/sh`) and a path in the package (`bin/bash`), `replaces` short names, `licence` an SPDX expression.
    """

    name: PackageName
    version: Version
    revision: int
    platform: Platform
    tree: Digest
    diff_id: Digest
    facts: Digest
    plan: Digest
    licence: str
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    replaces: tuple[str, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    host: HostNeeds = field(default_factory=HostNeeds)
