"""Pulls from the registry by real clients: Docker, podman, containerd, skopeo and oras."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.container.conftest import client
from tests.container.other_engines import containerd, needs_containerd, needs_podman, podman
from tests.oci.packages import printing_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import docker

    from tests.client.distribution import SmallDistribution
    from tests.web.registry.running import RunningRegistry

__all__ = ["client"]


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def pulled(client: docker.APIClient, registry: RunningRegistry) -> Iterator[list[str]]:
    """Names that are removed from the engine at the end."""
    names: list[str] = []
    yield names
    for name in names:
        subprocess.run(
            ["docker", "image", "rm", "--force", f"{registry.host}/{name}"], check=False, capture_output=True
        )


@pytest.mark.docker
def test_docker_pulls_it_and_a_second_image_brings_only_what_is_new(
    registry: RunningRegistry, distribution: SmallDistribution, pulled: list[str], marker: str
) -> None:
    # Docker's graph drivers stack layers, so the new one must be on top: it is the smallest.
    distribution.package("talk", {"bin/talk": printing_program(marker.encode())})
    distribution.package("new", {"share/new": marker[0]})
    distribution.publish()
    pulled += ["edge/talk/greet", "edge/greet/talk/new"]
    output = run("docker", "pull", f"{registry.host}/edge/talk/greet")
    assert registry.digest("edge/greet/talk") in output
    ran = run("docker", "run", "--rm", "--network=none", f"{registry.host}/edge/talk/greet", "talk")
    assert ran == marker
    first = registry.blobs_sent()
    assert len(first) == 6  # the configuration, three packages, the links, the description
    run("docker", "pull", f"{registry.host}/edge/greet/talk/new")
    second = registry.blobs_sent()[len(first) :]
    manifest = registry.manifest("edge/greet/new/talk")
    computed = {layer["digest"] for layer in manifest["layers"][-2:]}  # the links, the description
    assert set(second) == {distribution.entries["new"][0].archive.digest, *computed, manifest["config"]["digest"]}
    assert len(second) == 4


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
def test_images_share_the_layers_of_the_packages_that_both_hold(
    registry: RunningRegistry, distribution: SmallDistribution, tmp_path: Path
) -> None:
    def copy(name: str) -> None:
        shared = ["--dest-shared-blob-dir", f"{tmp_path}/shared", "--src-tls-verify=false"]
        run("skopeo", "--insecure-policy", "copy", *shared, f"docker://{registry.host}/{name}", f"oci:{tmp_path}/out:1")

    copy("edge/greet")
    first = registry.blobs_sent()
    assert len(first) == 5
    copy("edge/greet/alone")  # whose layer is below the others
    manifest = registry.manifest("edge/alone/greet")
    computed = {layer["digest"] for layer in manifest["layers"][-2:]}  # the links, the description
    second = registry.blobs_sent()[len(first) :]
    assert set(second) == {distribution.entries["alone"][0].archive.digest, *computed, manifest["config"]["digest"]}
    distribution.package("say", {"bin/say": "new", "etc/say.conf": "new"}, version="1.1")
    distribution.publish()
    copy("edge/greet/alone")
    third = registry.blobs_sent()[len(first) + len(second) :]
    manifest = registry.manifest("edge/alone/greet")
    computed = {layer["digest"] for layer in manifest["layers"][-2:]}  # the links, the description
    assert set(third) == {distribution.entries["say"][0].archive.digest, *computed, manifest["config"]["digest"]}


@pytest.mark.docker
def test_the_uncompressed_image_is_the_same_one_for_docker(registry: RunningRegistry, pulled: list[str]) -> None:
    pulled += ["edge/greet:latest", "edge/greet:1-plain"]
    run("docker", "pull", f"{registry.host}/edge/greet")
    run("docker", "pull", f"{registry.host}/edge/greet:1-plain")
    ids = {run("docker", "image", "inspect", "--format={{.Id}}", f"{registry.host}/{name}") for name in pulled}
    assert len(ids) == 1
    assert registry.digest("edge/greet", "latest") != registry.digest("edge/greet", "latest-plain")


@pytest.mark.docker
def test_docker_shows_which_names_are_near(registry: RunningRegistry, client: docker.APIClient) -> None:
    failed = subprocess.run(
        ["docker", "pull", f"{registry.host}/edge/greeet"], check=False, capture_output=True, text=True
    )
    assert failed.returncode != 0
    assert "has no package greeet. Did you mean greet?" in failed.stderr


@pytest.mark.docker
@needs_podman
def test_podman_pulls_the_same_image_compressed_or_not(
    registry: RunningRegistry, distribution: SmallDistribution, tmp_path: Path, marker: str
) -> None:
    distribution.package("talk", {"bin/talk": printing_program(marker.encode())})
    distribution.publish()
    name = f"{registry.host}/edge/talk/greet"
    with podman(tmp_path / "podman") as run:
        ids = {run("pull", "--quiet", "--tls-verify=false", f"{name}{tag}") for tag in ("", ":2", ":2-plain")}
        assert len(ids) == 1
        digest = run("image", "inspect", "--format={{.Digest}}", f"{name}:2-plain").strip()
        assert digest == registry.digest("edge/greet/talk", "2-plain")
        assert run("run", "--rm", "--network=none", name, "talk") == marker


@pytest.mark.docker
@needs_containerd
def test_containerd_pulls_the_very_manifest_and_runs_it(
    registry: RunningRegistry, distribution: SmallDistribution, marker: str
) -> None:
    distribution.package("talk", {"bin/talk": printing_program(marker.encode())})
    distribution.publish()
    name = f"{registry.host}/edge/talk:2"
    with containerd() as ctr:
        ctr("images", "pull", "--plain-http", name)
        assert registry.digest("edge/talk") in ctr("images", "list")
        assert ctr("run", "--rm", name, marker) == marker


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo")
def test_skopeo_copies_the_very_manifest(registry: RunningRegistry, tmp_path: Path) -> None:
    source = ["--src-tls-verify=false", f"docker://{registry.host}/edge/say/greet"]
    run("skopeo", "--insecure-policy", "copy", "--preserve-digests", *source, f"oci:{tmp_path}/out:1")
    index = json.loads((tmp_path / "out" / "index.json").read_text())
    assert [manifest["digest"] for manifest in index["manifests"]] == [registry.digest("edge/greet/say")]
    listed = json.loads(run("skopeo", "list-tags", "--tls-verify=false", f"docker://{registry.host}/edge/say"))
    assert listed["Tags"] == ["1", "1-plain", "latest", "latest-plain"]


@pytest.mark.skipif(shutil.which("oras") is None, reason="needs oras")
def test_oras_finds_and_copies_what_refers_to_the_image(registry: RunningRegistry, tmp_path: Path) -> None:
    name = f"{registry.host}/edge/greet:1"
    found = json.loads(run("oras", "discover", "--plain-http", "--format", "json", name))
    kinds = {manifest["artifactType"] for manifest in found["manifests"]}
    assert kinds == {
        "application/spdx+json",
        "application/vnd.farm.release.v1+json",
        "application/vnd.dsse.envelope.v1+json",
    }
    run("oras", "copy", "--recursive", "--from-plain-http", name, "--to-oci-layout", f"{tmp_path}/copy:1")
    (spdx,) = (manifest for manifest in found["manifests"] if manifest["artifactType"] == "application/spdx+json")
    run(
        "oras",
        "pull",
        "--plain-http",
        "--output",
        str(tmp_path / "sbom"),
        f"{registry.host}/edge/greet@{spdx['digest']}",
    )
    named = {package["name"] for package in json.loads((tmp_path / "sbom" / "image.spdx.json").read_text())["packages"]}
    assert {"greet", "say"} <= named
    only = json.loads(
        run("oras", "discover", "--plain-http", "--artifact-type", "application/spdx+json", "--format", "json", name)
    )
    assert [manifest["digest"] for manifest in only["manifests"]] == [spdx["digest"]]
