"""Rows 4 and 35: sizes signed by keys on a networked machine are no reason to trust them.

The channel is signed with its own valid keys, and tells its subscribers to fetch terabytes.
"""

from __future__ import annotations

import errno
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from farm.client.repository.download import Downloads
from farm.client.repository.readers import HttpReader
from farm.core.fileset.manifest import LARGEST_MANIFEST, InvalidManifestError
from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.core.plan.job import BlobRef
from farm.server.pipeline.repository.next_release import make_release
from farm.store.blobs import BlobStore
from farm.trust.blob_limits import LARGEST
from tests.checker.checked_signing import sign_checked
from tests.refusing import refuses
from tests.threats.simulator import serving

if TYPE_CHECKING:
    import http.server
    from pathlib import Path

    from farm.trust.index.release_index import Release, ReleaseEntry
    from tests.threats.simulator import Simulator

TEN_TERABYTES = 10 * 10**12


def next_release(simulator: Simulator, entry: ReleaseEntry) -> Release:
    """The next release, with this entry of `alone`; its blobs are public, and nothing is signed."""
    distribution = simulator.distribution
    release, index = make_release(
        distribution.released,
        [entry],
        set(),
        distribution=distribution.domain,
        channel="edge",
        now=datetime.now(UTC),
        read=distribution.read,
        imports=(),
    )
    for blob in (*index, release.to_json()):
        distribution.keep(blob)
    return release


def alone(simulator: Simulator) -> ReleaseEntry:
    return replace(simulator.distribution.entries["alone"][0], needs=())


@pytest.mark.parametrize("kind", ["archive", "descriptor", "manifest", "facts", "provenance", "sbom"])
def test_ten_terabytes_are_refused_before_a_byte_is_asked_for(simulator: Simulator, kind: str) -> None:
    blob = BlobRef(Digest.of(kind.encode()), TEN_TERABYTES)
    release = next_release(simulator, replace(alone(simulator), **{kind: blob}))  # type: ignore[arg-type]
    with refuses("invalid-release"):
        sign_checked(simulator.repository, simulator.online, simulator.folder / "record", release)
    mirror = simulator.mirror("mirror")
    mirror.forge_release(release, simulator.online)
    asked: list[str] = []

    def refuse(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_error(404)

    with serving(mirror.root, {blob.digest.hex[2:]: refuse}) as url:
        error = simulator.subscriber(address=url).refuses("alone")
    assert not asked
    for said in (f"the {kind} of alone 1.0-1", str(TEN_TERABYTES), str(LARGEST[kind])):
        assert said in error.message


def test_what_the_disk_has_no_room_for_is_not_begun(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A size within the bounds, but larger than this disk."""
    archive = simulator.distribution.entries["alone"][0].archive
    asked: list[str] = []

    def note(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        request.send_error(404)

    monkeypatch.setattr("farm.store.disk_space.free_bytes", lambda _place: archive.size - 1)
    with serving(simulator.public, {archive.digest.hex[2:]: note}) as url:
        downloads = Downloads(HttpReader(url), BlobStore(tmp_path / "blobs"))
        with pytest.raises(OSError, match="MB are still to come") as caught:
            downloads.ensure(archive, "archive of alone")
    assert caught.value.errno == errno.ENOSPC
    assert not asked


def test_the_signer_refuses_a_manifest_that_clients_would_refuse(simulator: Simulator) -> None:
    """6 MB of JSON that would expand to gigabytes of paths: the parents of deep paths are missing."""
    deep = "/".join("a" for _ in range(2000))
    line = b'{"path":"%d/%s","type":"dir","mode":"0755"}'
    lines = b",".join(line % (number, deep.encode()) for number in range(1500))
    content = b'{"entries":[%s],"format":1,"imports":[]}' % lines
    assert len(content) < LARGEST_MANIFEST
    entry, keep = alone(simulator), simulator.distribution.keep
    descriptor = Descriptor.from_json(simulator.distribution.read(entry.descriptor))
    described = keep(replace(descriptor, tree=Digest.of(content)).to_json())
    release = next_release(simulator, replace(entry, manifest=keep(content), descriptor=described))
    with pytest.raises(InvalidManifestError, match="parent directory is missing"):
        sign_checked(simulator.repository, simulator.online, simulator.folder / "record", release)
