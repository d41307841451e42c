"""An image with packages at paths of its own: made, inspected, updated and verified, always with one FileSet."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from farm.client.audit.verification_image import verify_image
from farm.client.image.known_image import open_image
from farm.client.image.package_set import PackageDescriptions
from farm.client.run.user_mounts import own_mounts
from farm.core.fileset.imports import expand
from farm.core.fileset.manifest import Link, Manifest
from farm.core.sets.composition.additions import compose_with, place_imports
from farm.core.subscriber.image_file import PathImport
from farm.oci.layer import TAR_ZSTD
from farm.oci.root_layers import ALWAYS, OS_RELEASE, SET_SBOM
from farm.store.decompress import archive_chunks
from tests.client.images import build, subscribe, update

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.image.records import ImageRecord
    from farm.client.repository.host import Host
    from tests.client.distribution import SmallDistribution

IMPORTS = (PathImport("opt/tools", "greet"), PathImport("srv/words", "greet", "share/greet"))
_MERGED = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}


@pytest.fixture
def subscribed(distribution: SmallDistribution, host: Host) -> Host:
    subscribe(host, distribution)
    return host


def unpacked(host: Host, image: ImageRecord) -> dict[str, str]:
    """All paths of an image, as a runtime that stacks its layers sees them; for links the targets."""
    found: dict[str, str] = {}
    for layer in image.image.layers:
        with host.blobs.open(layer.blob.digest) as stream:
            content = b"".join(archive_chunks(stream)) if layer.media_type == TAR_ZSTD else stream.read()
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            found |= {member.name: member.linkname for member in tar}
    return found


def test_the_layers_of_an_image_are_the_fileset_that_imports_its_packages(subscribed: Host) -> None:
    image = build(subscribed, "greet", "alone", imports=IMPORTS, name="api:1")
    parts = PackageDescriptions(subscribed).parts(open_image("api:1", subscribed, None))
    packages = [(part.descriptor, part.manifest) for part in parts]
    composition = compose_with(packages, Manifest.of(()), (), place_imports(IMPORTS, packages))
    whole = expand(composition.fileset, {part.manifest.tree_digest: part.manifest for part in parts}.__getitem__)
    said = {entry.path: entry.target if isinstance(entry, Link) else "" for entry in whole.entries}
    above = {"packages": ""}
    described = dict.fromkeys((OS_RELEASE, SET_SBOM), "")
    assert unpacked(subscribed, image) | above == said | dict.fromkeys(ALWAYS, "") | _MERGED | described


def test_an_update_leads_the_paths_to_the_new_build(distribution: SmallDistribution, subscribed: Host) -> None:
    before = build(subscribed, "greet", "alone", imports=IMPORTS, name="api:1")
    assert build(subscribed, "alone", "greet", imports=IMPORTS[::-1]).digest == before.digest
    assert build(subscribed, "greet", "alone").digest != before.digest
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n", "share/greet/words/hello": "hi\n"}, version="2.0")
    distribution.publish()
    assert update(subscribed, "api:1", "greet", name="api:2") is not None
    after = open_image("api:2", subscribed, None)
    assert verify_image(subscribed, after, None, None).faults == ()
    assert after.kept is not None
    paths = unpacked(subscribed, after.kept)
    store = after.record.package("greet")
    assert store is not None
    assert paths["opt/tools"] == f"/packages/{store.store}"
    assert paths["srv/words"] == f"/packages/{store.store}/share/greet"


def test_an_update_that_lacks_the_directory_is_refused(distribution: SmallDistribution, subscribed: Host) -> None:
    build(subscribed, "greet", imports=IMPORTS, name="api:1")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"}, version="2.0")
    distribution.publish()
    with pytest.raises(Exception, match="has no directory share/greet, which is to be imported at /srv/words"):
        update(subscribed, "api:1", "greet")


def test_a_late_bound_run_sees_them_at_the_same_paths(subscribed: Host, tmp_path: Path) -> None:
    verified = subscribed.catalogue().verified(["greet"])
    packages = [(package.descriptor, package.manifest) for package in verified]
    asked = (*IMPORTS, PathImport("usr/share/mine", "greet"))
    seen = own_mounts([], packages, (), asked, lambda store: tmp_path / store)
    greet = next(package.store for package in verified if package.name == "greet")
    assert seen.binds == (
        (str(tmp_path / greet), "/opt/tools"),
        (str(tmp_path / greet / "share/greet"), "/srv/words"),
    )
    assert dict(seen.composition.forest.links)["usr/share/mine"] == f"/packages/{greet}"
