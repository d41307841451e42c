"""What a worker brings to every attempt: its stores, its toolchains, its sandbox, its key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.engine.sandbox_spec import Variation

if TYPE_CHECKING:
    from collections.abc import Callable

    from securesystemslib.signer import CryptoSigner

    from farm.blobs import BlobStore, PackageCache
    from farm.engine.attempts_root import AttemptsRoot
    from farm.engine.sandbox import Sandbox
    from farm.engine.sources import SourceFetcher
    from farm.engine.toolchain import Toolchain
    from farm.names import Digest


@dataclass(frozen=True)
class Workshop:
    """The parts of one worker.

    `toolchains` returns the toolchain of a tree digest. `obtain` is told of each blob that an order needs and sees
    that `store` holds it: a farm's worker downloads it, a local build has it. `attempts` is where the directories of
    its farm's attempts lie on this host. `jobs` is how many processes a build may run at once; no output may depend on
    it.
    """

    store: BlobStore
    cache: PackageCache
    toolchains: Callable[[Digest], Toolchain]
    sandbox: Sandbox
    fetcher: SourceFetcher
    signer: CryptoSigner
    attempts: AttemptsRoot
    obtain: Callable[[Digest], None]
    jobs: int = 2
    variation: Variation = field(default_factory=Variation)
