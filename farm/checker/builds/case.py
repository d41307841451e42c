"""What a release is judged by: the one before it, what targets have signed, and what was brought and found in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.checker.builds.builds import Builds
    from farm.checker.builds.plans import Plans
    from farm.signing.evidence import ReleaseEvidence
    from farm.store.blobs import BlobStore
    from farm.trust.index.release_index import Release
    from farm.trust.metadata.builders import AllowedBuilders


@dataclass(frozen=True, slots=True)
class Case:
    """A release that is asked for. `builds` knows which builds of what was `brought` are in order."""

    release: Release
    previous: Release | None
    blobs: BlobStore
    builders: AllowedBuilders
    plans: Plans
    brought: ReleaseEvidence
    builds: Builds
