"""Pushing an image into a real registry: only what it lacks, together with the referrers of the image."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.client.image.push import registry_connections
from farm.oci.image_reference import RemoteReference
from farm.oci.layout import read_layout, write_layout
from farm.oci.push import Pushed, push_image
from farm.oci.registry import RegistryError, Repository
from farm.oci.registry_credentials import Credentials, credentials_for
from tests.client.images import build, subscribe, update
from tests.oci.registry_server import PROGRAM, Registry, fetched, running_registry, token_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farm.client.image.records import ImageRecord
    from farm.client.repository.host import Host
    from tests.client.distribution import SmallDistribution

pytestmark = pytest.mark.skipif(not Path(PROGRAM).exists(), reason="needs Debian's docker-registry")
NOBODY = Credentials()
INDEX = "application/vnd.oci.image.index.v1+json"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running_registry(tmp_path / "registry") as found:
        yield found


@pytest.fixture
def image(distribution: SmallDistribution, host: Host) -> ImageRecord:
    subscribe(host, distribution)
    return build(host, "greet", "alone", name="x:1")


def push(
    host: Host, image: ImageRecord, to: str, credentials: Credentials = NOBODY, others: Sequence[str] = ()
) -> Pushed:
    target = RemoteReference.parse(to)
    repository = Repository(target, credentials, registry_connections, plain_http=True)
    try:
        return push_image(
            image.image,
            host.blobs,
            repository,
            target.tag,
            referrers=image.referrers,
            others=lambda _digest: others,
        )
    finally:
        repository.close()


def test_one_changed_package_is_one_blob_and_the_small_ones(
    registry: Registry, distribution: SmallDistribution, host: Host, image: ImageRecord
) -> None:
    first = push(host, image, f"{registry.host}/tools:1")
    assert len(first.layers_sent) == 5
    assert set(registry.blobs_received()) == {str(blob.digest) for blob in image.blobs if blob not in manifests(image)}
    before = len(registry.blobs_received())
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "loud\n"}, version="1.1")
    distribution.publish()
    found = update(host, "x:1", "say")
    assert found is not None
    changed = build(host, "greet", "alone")
    second = push(host, changed, f"{registry.host}/tools:2")
    assert second.layers_there == 2
    archive = distribution.entries["say"][0].archive
    computed = {layer.blob for layer in changed.image.layers[-2:]}  # the links, the description
    assert set(second.layers_sent) == {archive, *computed}
    new = set(registry.blobs_received()[before:])
    small = {str(blob.digest) for referrer in changed.referrers for blob in referrer.blobs}
    assert new - small == {archive.digest, changed.image.image_id, *(blob.digest for blob in computed)}
    assert second.bytes_sent == sum(registry.size(digest) for digest in new)


def test_what_is_there_is_not_sent_again(registry: Registry, host: Host, image: ImageRecord) -> None:
    push(host, image, f"{registry.host}/tools:1")
    before = len(registry.requests())
    again = push(host, image, f"{registry.host}/tools:again")
    assert again.layers_sent == ()
    assert again.bytes_sent == 0
    methods = [(method, path) for method, path, _ in registry.requests()[before:] if method in ("POST", "PUT")]
    assert all(method == "PUT" and "/manifests/" in path for method, path in methods)


def test_blobs_of_another_repository_are_mounted(registry: Registry, host: Host, image: ImageRecord) -> None:
    push(host, image, f"{registry.host}/team/one:1")
    before = len(registry.blobs_received())
    pushed = push(host, image, f"{registry.host}/team/two:1", others=["team/one"])
    assert pushed.layers_sent == ()
    assert len(registry.blobs_received()) == before
    assert fetched(registry, "/v2/team/two/manifests/1") == host.blobs.read(image.digest)


def test_referrers_are_listed_by_the_tag_beside_those_of_others(
    registry: Registry, distribution: SmallDistribution, host: Host, image: ImageRecord
) -> None:
    push(host, image, f"{registry.host}/tools:1")
    distribution.package("other", {"share/other": "x"})
    distribution.publish()
    again = build(host, "greet", "alone")  # the same image, from a newer release
    assert again.digest == image.digest
    push(host, again, f"{registry.host}/tools:1")
    listed = json.loads(fetched(registry, f"/v2/tools/manifests/sha256-{image.digest.hex}", INDEX))
    wanted = {referrer.manifest.digest for record in (image, again) for referrer in record.referrers}
    assert {manifest["digest"] for manifest in listed["manifests"]} == wanted
    assert {manifest["artifactType"] for manifest in listed["manifests"]} >= {"application/spdx+json"}


@pytest.mark.skipif(shutil.which("oras") is None, reason="needs oras")
def test_oras_finds_what_refers_to_the_image_in_a_registry_and_in_a_layout(
    registry: Registry, host: Host, image: ImageRecord, tmp_path: Path
) -> None:
    push(host, image, f"{registry.host}/tools:1")
    write_layout(image.image, host.blobs, tmp_path / "oci", reference="x:1", referrers=image.referrers)
    for place in (["--plain-http", f"{registry.host}/tools:1"], ["--oci-layout", f"{tmp_path}/oci/referrers:1"]):
        found = run("oras", "discover", "--format", "json", *place)
        assert {manifest["artifactType"] for manifest in json.loads(found)["manifests"]} == {
            referrer.artifact_type for referrer in image.referrers
        }
    (only,) = json.loads((tmp_path / "oci" / "index.json").read_text())["manifests"]
    assert only["digest"] == image.digest
    _, tagged = json.loads((tmp_path / "oci" / "referrers" / "index.json").read_text())["manifests"]
    assert tagged["annotations"] == {"org.opencontainers.image.ref.name": f"sha256-{image.digest.hex}"}
    copied = [f"{tmp_path}/oci/referrers:1", "--to-oci-layout", f"{tmp_path}/copy:1"]
    run("oras", "copy", "--recursive", "--from-oci-layout", *copied)
    taken = json.loads(run("oras", "discover", "--format", "json", "--oci-layout", f"{tmp_path}/copy:1"))
    assert {manifest["digest"] for manifest in taken["manifests"]} == {
        referrer.manifest.digest for referrer in image.referrers
    }


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
def test_skopeo_takes_it_from_the_registry_and_from_a_layout_to_a_registry(
    registry: Registry, host: Host, image: ImageRecord, tmp_path: Path
) -> None:
    push(host, image, f"{registry.host}/tools:1")
    plain = ["--insecure-policy", "copy", "--src-tls-verify=false", "--dest-tls-verify=false"]
    run("skopeo", *plain, "--preserve-digests", f"docker://{registry.host}/tools:1", f"oci:{tmp_path}/out:1")
    assert read_layout(tmp_path / "out", "1").manifest == image.image.manifest
    write_layout(image.image, host.blobs, tmp_path / "oci", reference="x:1", referrers=image.referrers)
    run("skopeo", *plain, f"oci:{tmp_path}/oci:1", f"docker://{registry.host}/copied:1")
    assert fetched(registry, "/v2/copied/manifests/1") == host.blobs.read(image.digest)


def test_a_password_is_taken_from_where_docker_login_wrote_it(host: Host, image: ImageRecord, tmp_path: Path) -> None:
    # bcrypt of "secret".
    (tmp_path / "htpasswd").write_text("alice:$2b$05$BC.itY...u/jSbZFVwqP8ejA2OK0EdsaA4Ab49L07y3LAhG3RbFpG\n")
    with running_registry(
        tmp_path / "registry", {"htpasswd": {"realm": "here", "path": str(tmp_path / "htpasswd")}}
    ) as registry:
        with pytest.raises(RegistryError, match="does not let an anonymous user push") as caught:
            push(host, image, f"{registry.host}/tools:1")
        assert "docker login" in caught.value.remedy
        logged_in(tmp_path / "config.json", registry.host, "alice", "wrong")
        with pytest.raises(RegistryError, match="does not let 'alice' push"):
            push(host, image, f"{registry.host}/tools:1", credentials_for(registry.host, tmp_path / "config.json"))
        logged_in(tmp_path / "config.json", registry.host, "alice", "secret")
        known = credentials_for(registry.host, tmp_path / "config.json")
        assert len(push(host, image, f"{registry.host}/tools:1", known).layers_sent) == 5


def test_a_token_is_asked_for_once_for_this_repository_alone(host: Host, image: ImageRecord, tmp_path: Path) -> None:
    with (
        token_server(tmp_path / "tokens", "bob", "pass word") as (auth, scopes),
        running_registry(tmp_path / "registry", auth) as registry,
    ):
        pushed = push(host, image, f"{registry.host}/team/tools:1", Credentials("bob", "pass word"))
        assert len(pushed.layers_sent) == 5
        assert set(scopes) == {"repository:team/tools:pull,push"}
        assert len(scopes) == 1
        with pytest.raises(RegistryError, match="does not let 'eve' push"):
            push(host, image, f"{registry.host}/team/tools:1", Credentials("eve", "x"))


def test_a_registry_that_is_not_there_is_said_to_be_so(host: Host, image: ImageRecord) -> None:
    with pytest.raises(RegistryError, match="cannot be reached"):
        push(host, image, "127.0.0.1:1/tools:1")


def manifests(image: ImageRecord) -> list[object]:
    return [image.image.manifest, *(referrer.manifest for referrer in image.referrers)]


def logged_in(file: Path, host: str, user: str, password: str) -> None:
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    file.write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
