"""Runs a campaign: the unchanged sets of a distribution, then each mutation of them."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.core.sets.members.package_set import PackageSet
from farm.core.sets.proof.closure import closure
from tests.oracle.campaign import mutations
from tests.oracle.linked_set import LinkedSet
from tests.oracle.linker import ask
from tests.oracle.mutation import Mutation
from tests.oracle.parts import apply, slimmed
from tests.oracle.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from farm.core.fileset.manifest import Manifest
    from farm.core.package.descriptor import Descriptor

ROOTS = (
    ("jq",),
    ("bash",),
    ("grep", "bash"),
    ("curl", "zstd"),
    ("sqlite", "sqlite-tests"),
    ("python",),
    ("xz",),
    ("gcc-libs-tests",),
    ("openssl",),
    ("ncurses", "readline-tests"),
    ("bzip2", "json-c-tests", "libffi-tests", "lz4-tests", "oniguruma-tests", "pkgconf", "zlib-tests"),
)
"""The packages whose closures the sets are: programs, C++, plugins, copies, libraries with versions and without."""


@dataclass(frozen=True)
class Unpacked:
    """A package as it was built, with the directory that it was unpacked to."""

    descriptor: Descriptor
    manifest: Manifest
    tree: Path


def base_sets(packages: Iterable[Unpacked], folder: Path) -> tuple[LinkedSet, ...]:
    """Return the sets that are mutated."""
    parts = {
        package.descriptor.name.short: slimmed(
            package.descriptor, package.manifest, package.tree, folder / package.descriptor.name.short
        )
        for package in packages
    }
    everything = PackageSet.of(part.member for part in parts.values())
    sets = [(roots, closure(everything, ["glibc", *roots])) for roots in ROOTS]
    return tuple(LinkedSet(roots[0], [parts[member.name] for member in members]) for roots, members in sets)


def unmutated(base: LinkedSet, folder: Path) -> Verdict:
    """Return both verdicts on an unchanged set."""
    try:
        return judge(Mutation("none", "as it is", "", base, ()), base.parts, ask(base.parts, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def carry_out(bases: Sequence[LinkedSet], folder: Path) -> tuple[Verdict, ...]:
    """Return the verdicts on all mutations; several sandboxes run at once."""
    planned = list(enumerate(mutations(bases)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return tuple(pool.map(lambda numbered: _verdict(numbered[1], folder / str(numbered[0])), planned))


def counts(verdicts: Iterable[Verdict]) -> list[str]:
    """Return a table of the verdicts by group, for people."""
    columns = ("sets", "rejected", "refused", "misses", "false alarms")
    rows: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        row = rows.setdefault(verdict.mutation.group, Counter())
        row += Counter(
            {
                "sets": 1,
                "rejected": int(verdict.rejected),
                "refused": int(verdict.refused),
                "misses": int(bool(verdict.missed)),
                "false alarms": int(bool(verdict.unfounded)),
            }
        )
    rows["all"] = sum(rows.values(), Counter())
    lines = [f"{'':8}" + "".join(f"{column:>14}" for column in columns)]
    return lines + [f"{name:8}" + "".join(f"{row[column]:>14}" for column in columns) for name, row in rows.items()]


def _verdict(mutation: Mutation, folder: Path) -> Verdict:
    try:
        parts = apply(mutation.base.parts, mutation.edits, folder / "parts")
        # A file that loads nothing of a changed package has not changed.
        touched = mutation.base.touched(edit.package for edit in mutation.edits)
        return judge(mutation, parts, ask(parts, folder, touched))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
