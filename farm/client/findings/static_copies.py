"""Packages with code of a library that was copied into them when they were built: a fixed library leaves it.

The copies are taken from provenance, which records what each build opened.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.names.form import Form
from farm.core.names.package_name import PackageName
from farm.core.plan.consumption import Consumption
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterator

LIBRARY_PARTS = ("", "-dev", "-devel", "-static")
"""Suffixes of the outputs into which a recipe puts the files that others link with."""


@dataclass(frozen=True, slots=True)
class StaticCopy(Form, record="static copy", keys={"is_known": "known"}):
    """`package` holds code of the build `tree` of `library`; with `is_known` false it may: its build was not traced."""

    package: str
    library: str
    tree: Digest
    is_known: bool = True


def copies_in(package: str, provenance: bytes, library: PackageName, current: Digest) -> tuple[StaticCopy, ...]:
    """Return the copies in a package of builds of `library` other than the one with the tree `current`.

    `provenance` is the envelope that the signed index names, verified by its digest. Nothing is known from one that
    cannot be read.
    """
    names = {f"{library}{part}" for part in LIBRARY_PARTS}
    found = [
        StaticCopy(package, str(consumed.library), consumed.tree, consumed.is_known)
        for consumed, _ in consumed_in(provenance)
        if str(consumed.library) in names and consumed.tree != current and {"static", "unknown"} & set(consumed.kinds)
    ]
    return tuple(sorted(found, key=lambda copy: copy.library))


def consumed_in(provenance: bytes) -> Iterator[tuple[Consumption, str]]:
    """Yield what a build attests to have opened of each package it was built against, with that package's version."""
    try:
        statement = json.loads(base64.b64decode(json.loads(provenance)["payload"]))
        listed = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
        for dependency in listed:
            name, _, version = str(dependency.get("name", "")).partition(" ")
            if version and "/" in name:
                opened = (dependency.get("annotations") or {}).get("opened", "unknown")
                tree = Digest.from_hex(dependency["digest"]["sha256"])
                yield Consumption.from_json_value(PackageName.parse(name), tree, opened), version
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, FarmError):
        return
