"""A signed channel of many packages, one of which is real and changes from release to release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.core.names.digest import Digest
from farm.core.plan.job import BlobRef
from farm.trust.index.release_index import ReleaseEntry
from script.benchmarks.signed_channel import RECIPE, SignedChannel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from script.benchmarks.synthetic_set import SyntheticPackage

_CHANGING = "changing"


class SyntheticChannel(SignedChannel):
    """All packages except one have only their entries."""

    def __init__(self, directory: Path, packages: Sequence[SyntheticPackage]) -> None:
        super().__init__(directory)
        self._tree = directory / "tree"
        self._versions = 0
        names = {package.number: package.name for package in packages}
        self.list_only(_entry(package, names) for package in packages)

    def build_next(self) -> ReleaseEntry:
        """Build the next version of the package that changes."""
        self._versions += 1
        version = f"1.{self._versions}"
        (self._tree / "share" / _CHANGING).mkdir(parents=True, exist_ok=True)
        (self._tree / "share" / _CHANGING / "version").write_text(version)
        return self.build(_CHANGING, version, self._tree, summary="The package that changes")


def _entry(package: SyntheticPackage, names: dict[int, str]) -> ReleaseEntry:
    def blob(what: str) -> BlobRef:
        return BlobRef(Digest.of(f"{what} of {package.name}".encode()), 1_000 + package.number)

    return ReleaseEntry(
        name=package.name,
        version="1.0",
        revision=1,
        summary=f"Number {package.number} of the packages that are only listed",
        descriptor=blob("descriptor"),
        archive=blob("archive"),
        manifest=blob("manifest"),
        facts=blob("facts"),
        provenance=blob("provenance"),
        recipe=RECIPE,
        needs=tuple(names[need] for need, _ in package.needs),
    )
