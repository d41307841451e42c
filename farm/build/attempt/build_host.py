"""What a worker brings to every attempt: its stores, its toolchains, its sandbox, its key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farm.container.sandbox_spec import Variation

if TYPE_CHECKING:
    from collections.abc import Callable

    from securesystemslib.signer import CryptoSigner

    from farm.build.sources.fetch import SourceFetcher
    from farm.build.toolchain.toolchain import Toolchain
    from farm.container.attempts_root import AttemptsRoot
    from farm.container.sandbox import Sandbox
    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore
    from farm.store.unpack import PackageCache


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
