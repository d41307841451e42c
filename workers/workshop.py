"""Assembles what a build worker works with: engine, stores, fetcher, key, and the farm as a source of blobs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from farm.build.attempt.workshop import Workshop
from farm.build.sources.fetch import SourceFetcher
from farm.build.toolchain.apt import Apt
from farm.build.toolchain.apt_sources import NoSignedSourceError
from farm.build.toolchain.toolchain import restore_toolchain
from farm.container.attempt_directory import AttemptsRoot
from farm.container.empty_image import EmptyImage
from farm.container.sandbox import Sandbox
from farm.container.sandbox_spec import Variation
from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.core.plan.job import BlobRef
from farm.store.blobs import BlobStore
from farm.store.errors import MissingBlobError
from farm.store.http.address_guard import AddressGuard
from farm.store.http.download_policy import DownloadPolicy
from farm.store.unpack import PackageCache
from farm.trust.keys.key_files import KeyFileError, load_key

if TYPE_CHECKING:
    from pathlib import Path

    import docker
    from securesystemslib.signer import CryptoSigner

    from farm.api.worker_client import HeldLease, WorkerClient
    from farm.api.worker_wire import ToolchainWire
    from farm.build.toolchain.toolchain import Toolchain
    from workers.build_settings import BuildSettings


def load_worker_key(path: Path) -> tuple[CryptoSigner, Ed25519PrivateKey]:
    """Return a worker's key for signing provenance, and the same one for signing requests. Raises `KeyFileError`."""
    signer = load_key(path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(path, "a worker's key is ed25519")
    return signer, key


def open_workshop(
    settings: BuildSettings, client: WorkerClient, engine: docker.APIClient, signer: CryptoSigner
) -> Workshop:
    """Return the workshop of a worker; its toolchains come with each lease (`for_lease`).

    Raises `SandboxUnavailableError`.
    """
    store = BlobStore(settings.blobs)

    def obtain(digest: Digest) -> None:
        if not store.has(digest):
            client.fetch_blob(digest, store)

    def from_farm(digest: Digest) -> BinaryIO | None:
        if not client.has_blob(digest):
            return None
        obtain(digest)
        return store.open(digest)

    def no_toolchain(tree: Digest) -> Toolchain:
        raise MissingBlobError(tree)

    image = EmptyImage.of(Platform.parse(settings.platform)).ensure(engine)
    policy = DownloadPolicy(guard=AddressGuard.of(settings.allowed_networks))
    return Workshop(
        store=store,
        cache=PackageCache(settings.packages),
        toolchains=no_toolchain,
        sandbox=Sandbox(engine, image, worker=settings.name, runtime=settings.runtime),
        fetcher=SourceFetcher(store, policy, apt=_apt(settings), farm_store=from_farm),
        signer=signer,
        attempts=AttemptsRoot.open(settings.attempts, settings.owner or settings.farm),
        obtain=obtain,
        jobs=settings.jobs,
        variation=_variation(settings),
    )


def for_lease(workshop: Workshop, lease: HeldLease, cache: Path) -> Workshop:
    """Return the workshop with the toolchain that a lease brings."""
    offered = lease.toolchain

    def toolchain(tree: Digest) -> Toolchain:
        if offered is None or Digest(offered.manifest.digest) != tree:
            raise MissingBlobError(tree)
        return _restore(workshop, offered, cache)

    return replace(workshop, toolchains=toolchain)


def _restore(workshop: Workshop, offered: ToolchainWire, cache: Path) -> Toolchain:
    tree = Digest(offered.manifest.digest)
    archive = BlobRef(Digest(offered.archive.digest), offered.archive.size)
    workshop.obtain(tree)
    try:
        return restore_toolchain(offered.name, tree, archive, workshop.store, cache)
    except MissingBlobError:
        # Only now: workers that share the cache of the farm's own host need not fetch it.
        workshop.obtain(archive.digest)
        return restore_toolchain(offered.name, tree, archive, workshop.store, cache)


def _variation(settings: BuildSettings) -> Variation:
    plain = Variation()
    return Variation(settings.hostname or plain.hostname, settings.cpus, settings.clock_offset)


def _apt(settings: BuildSettings) -> Apt | None:
    if not settings.suite:
        return None
    try:
        return Apt.of_machine(settings.toolchains / f"apt-{settings.name}", settings.suite)
    except NoSignedSourceError:
        return None
