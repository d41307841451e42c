"""The parts of one worker that every attempt uses: its stores, its toolchains, its sandbox, and its key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.container.sandbox_spec import Variation
from farm.core.names.utc import utc_text
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.tester_results import TesterRun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from securesystemslib.signer import CryptoSigner

    from farm.build.sources.fetch import SourceFetcher
    from farm.build.toolchain.toolchain import Toolchain
    from farm.container.attempt_directory import AttemptDirectory, AttemptsRoot
    from farm.container.sandbox import Sandbox
    from farm.core.names.digest import Digest
    from farm.store.blobs import BlobStore
    from farm.store.unpack import PackageCache


@dataclass(frozen=True)
class Workshop:
    """The parts of one worker.

    `toolchains` returns the toolchain of a tree digest. `obtain` is called with each blob that an order needs, and sees
    that `store` holds it: a farm's worker downloads it, a local build has it already. `attempts` is where its farm's
    attempts have their directories on this host. `jobs` is how many processes a build may run at once; no output may
    depend on it. `doing` is called with what a build begins to do, in words for people.
    """

    store: BlobStore
    cache: PackageCache
    toolchains: Callable[[Digest], Toolchain]
    sandbox: Sandbox
    fetcher: SourceFetcher
    signer: CryptoSigner
    attempts: AttemptsRoot
    obtain: Callable[[Digest], object]
    jobs: int = 2
    variation: Variation = field(default_factory=Variation)
    doing: Callable[[str], object] = lambda _what: None

    def attest(self, statement: Mapping[str, Any]) -> Digest:
        """Sign a statement with the worker's key and store it; return the digest of the envelope."""
        return self.store.put_bytes(sign_statement(statement, self.signer))

    def tester_run(self, attempt: AttemptDirectory, started: str) -> TesterRun:
        """Return the circumstances of a test or comparison that has just ended."""
        return TesterRun(
            tester=self.signer.public_key.keyid,
            attempt=attempt.name,
            started=started,
            finished=time_now(),
            runtime=self.sandbox.describe(),
        )


def time_now() -> str:
    """Return the current time as statements have it."""
    return utc_text(datetime.now(UTC))
