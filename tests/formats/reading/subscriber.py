"""A subscriber's view of a published repository, as plain values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zstandard import ZstdDecompressor

from farm.client.audit.audit import audit_channel
from farm.client.audit.sboms import sbom_of_package, sbom_of_release
from farm.client.audit.trace import Tracing
from farm.client.repository.download import DownloadError
from farm.client.repository.earlier_releases import releases_back
from farm.client.repository.host import Host
from farm.client.repository.sources import write_sources
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.store.blobs import BlobStore
from farm.trust.attestation.release_summary import evidence_of, read_summary
from farm.trust.index.release_index import Release
from farm.trust.index.tree import entries
from farm.trust.layout import ADVISORIES, ADVISORY_LIST, REVIEW_LIST, advisory_target
from farm.trust.metadata.delegation import channels_of
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force
from farm.trust.verification.channel_signers import role_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from farm.client.repository.catalogue import Catalogue, VerifiedPackage


def subscribed(folder: Path, repository: Path, root: str, mirror: Path, *channels: str) -> Host:
    """Return a host that follows channels from their pinned root, with a mirror for what they import from others."""
    host = Host(folder / "state", folder / "shared")
    for name in channels:
        followed = host.subscriptions.subscribe(str(repository), name, Digest(root))
        host.subscriptions.change(followed, mirrors=[str(mirror)])
    return host


def views(published: Path, publication: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Return what is visible of the two distributions, of which a mirror has a part."""
    own = subscribed(folder / "own", published / "own", publication["root"], published / "mirror", "edge", "stable")
    other = subscribed(folder / "other", published / "other", publication["other-root"], published / "mirror", "edge")
    return {
        "edge": channel_view(own, "edge", folder / "edge"),
        "stable": channel_view(own, "stable", folder / "stable"),
        "other": channel_view(other, "edge", folder / "theirs"),
        "repository": repository_view(published / "own"),
        "other-repository": repository_view(published / "other"),
    }


def channel_view(host: Host, channel: str, folder: Path) -> dict[str, Any]:
    """Return all that is visible of a channel. Everything on the way is verified, and the set proven."""
    catalogue = host.catalogue(channel)
    names = [listing.name for listing in catalogue.listings()]
    names += [f"{pin.distribution}/{one.name}" for pin in catalogue.release.imports for one in pin.packages]
    verified = catalogue.verified(names)
    return {
        "releases": [_release(release, catalogue) for release, _ in releases_back(catalogue)],
        "closures": {name: [entry.name for entry in catalogue.closure([name])] for name in sorted(names)},
        "needs": {name: list(catalogue.needs(name)) for name in sorted(names)},
        "packages": {package.name: _package(package, catalogue) for package in verified},
        "traced": {
            name: Tracing(host).of_release(catalogue, name).to_dict() for name in sorted(names) if "/" not in name
        },
        "audit": audit_channel(host, channel).to_dict(),
        "sbom": Digest.of(sbom_of_release(catalogue)),
        "sboms": {
            package.name: Digest.of(sbom_of_package(catalogue, package.name))
            for package in verified
            if package.entry.sbom
        },
        "sources": {name: _sources(catalogue, name, folder / name.replace("/", "-")) for name in sorted(names)},
        "summaries": _summaries(host, catalogue),
    }


def repository_view(folder: Path) -> dict[str, Any]:
    """Return a publisher's view of its own repository."""
    repository = Repository(folder)
    head, builders, policy = repository.head(), repository.builders(), policy_in_force(repository)
    return {
        "root": head.root.version,
        "targets": head.targets.version,
        "snapshot": head.snapshot.version,
        "timestamp": head.timestamp.version,
        "distributions": sorted(set(repository.distributions(head))),
        "builders": sorted(builders),
        "testers": sorted(builders.testers or ()),
        "operators": dict(builders.operators),
        "channels": {name: channel_policy.to_dict() for name, channel_policy in policy.policies.policies.items()}
        if policy
        else None,
        "curators": {name: dict(keys) for name, keys in policy.policies.curators.items()} if policy else None,
        "takes-from": {name: distribution.to_dict() for name, distribution in policy.distributions.items()}
        if policy
        else None,
        "toolchains": [toolchain.to_dict() for toolchain in policy.toolchains] if policy else None,
        "steps": list(policy.steps) if policy else None,
    }


def _release(release: Release, catalogue: Catalogue) -> dict[str, Any]:
    held = sorted(
        entries(lambda blob: catalogue.downloads.read(blob, "index"), release.index), key=lambda entry: entry.name
    )
    return {
        "distribution": release.distribution,
        "channel": release.channel,
        "number": release.number,
        "previous": release.previous,
        "released-at": release.released_at,
        "digest": release.digest,
        "set": release.package_set,
        "index": release.index.digest,
        "packages": {f"{entry.name} {entry.version}-{entry.revision}": entry.descriptor.digest for entry in held},
        "imports": [
            [pin.distribution, pin.channel, pin.number, pin.release, pin.root, pin.address, list(pin.names)]
            for pin in release.imports
        ],
    }


def _package(package: VerifiedPackage, catalogue: Catalogue) -> dict[str, Any]:
    descriptor = package.descriptor
    return {
        "version": [str(descriptor.version), descriptor.revision, package.build],
        "descriptor": descriptor.digest,
        "tree": package.manifest.tree_digest,
        "facts": descriptor.facts,
        "plan": descriptor.plan,
        "store": package.store,
        "foreign": package.is_imported,
        "files": [file.path for file in package.manifest.files()],
        "builders": catalogue.home_of(package.name).attested(package.entry, descriptor),
        "recipes": list(package.entry.recipes),
    }


def _sources(catalogue: Catalogue, name: str, folder: Path) -> dict[str, Any] | str:
    try:
        write_sources(catalogue, name, folder, lambda _file: None)
    except DownloadError:
        return "not published"
    return {
        path.relative_to(folder).as_posix(): Digest.of(path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _summaries(host: Host, catalogue: Catalogue) -> list[Any]:
    channel = catalogue.release.channel
    subscription = host.subscriptions.find(channel)
    keys = role_keys(host.subscriptions.metadata_folder(subscription), channel)
    place = Repository(Path(subscription.address))
    found = []
    for release, _ in releases_back(catalogue):
        summary = read_summary(place.summary(release.digest) or b"", keys, release)
        found.append([release.number, summary.release, summary.verified_at, summary.policy, list(summary.checked)])
    return found


def published_documents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield all documents of the releases that a repository has signed, each with its kind (`KINDS`)."""
    repository = Repository(folder)
    head, blobs = repository.head(), BlobStore(folder / "blobs")
    yield "builders", repository.builders_document(head)
    for channel in channels_of(head.targets):
        release = repository.current_of(head, channel).release
        while release:
            yield "release", release.to_json()
            yield "index-leaf", blobs.read(release.index.digest)
            for entry in entries(lambda blob: blobs.read(blob.digest), release.index):
                yield "entry", entry.to_json()
                yield "descriptor", blobs.read(entry.descriptor.digest)
                yield "manifest", blobs.read(entry.manifest.digest)
                yield "facts", blobs.read(entry.facts.digest)
                if blobs.has(entry.recipe):
                    yield "recipe-contents", blobs.read(entry.recipe)
            if (summary := repository.summary(release.digest)) and (evidence := evidence_of(summary)):
                yield "evidence", blobs.read(evidence)
            release = Release.from_json(blobs.read(release.previous)) if release.previous else None
    lists = repository.delegated(head, ADVISORIES).targets
    yield "advisory-index", repository.read_target(lists[advisory_target(ADVISORY_LIST)])
    yield "reviews", repository.read_target(lists[advisory_target(REVIEW_LIST)])


def archive_of(folder: Path, channel: str) -> list[list[Any]]:
    """Return for each package of a channel's newest release the digest of its unpacked archive."""
    repository, blobs = Repository(folder), BlobStore(folder / "blobs")
    release = repository.current(channel).release
    assert release
    found = []
    for entry in entries(lambda blob: blobs.read(blob.digest), release.index):
        descriptor = Descriptor.from_json(blobs.read(entry.descriptor.digest))
        digest = Digest.of(ZstdDecompressor().decompressobj().decompress(blobs.read(entry.archive.digest)))
        found.append([entry.name, digest, descriptor.diff_id])
    return sorted(found)
