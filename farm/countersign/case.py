"""What a release is judged by: the one before it, what targets have signed, and what was brought and found in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farm.blobs import BlobStore
    from farm.countersign.builds import Builds
    from farm.countersign.plans import Plans
    from farm.trust.builders import AllowedBuilders
    from farm.trust.release_evidence import ReleaseEvidence
    from farm.trust.release_index import Release


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
