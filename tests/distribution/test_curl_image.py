"""curl's image: a newer openssl is one layer in it; where a program would lack symbols of openssl, an error says that.

The newer openssl is really built, without PSK, and so has fewer symbols: curl needs none of them, Python does. The
gates of edge would stop it; the channel here has none.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farm.core.names.digest import Digest
from farm.store.blobs import BlobStore
from farm.trust.index.release_index import Release, ReleaseEntry
from farm.trust.index.tree import entries
from farm.trust.keys.key_files import load_key
from tests.client.distribution import SmallDistribution
from tests.distribution.debian_image import DebianImages, debian_images
from tests.distribution.tls_server import tls_server
from tests.farms.running import RECIPES, Ran, RunningFarm, revised
from tests.oci.registry_server import PROGRAM, Registry, fetched, running_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.docker,
    pytest.mark.toolchain,
    pytest.mark.skipif(not Path(PROGRAM).exists(), reason="needs Debian's docker-registry"),
]

CONFIGURE = "shared no-docs no-tests"
WHY = "nothing here calls what is gone"
LOST = re.compile(
    r"python 3\.13\.5-2: lib/python3\.13/lib-dynload/_ssl\.\S+ imports SSL_CTX_set_psk_client_callback "
    r"\(version OPENSSL_3\.0\.0\) from libssl\.so\.3, which neither openssl 3\.5\.7-2 nor its loader"
)
CURL, PYTHON = "farm-test-curl", "farm-test-python"


@dataclass
class Follower:
    """A user who follows a channel without gates: the test publishes really built packages in it."""

    farm: RunningFarm
    channel: SmallDistribution
    state: Path
    newer: ReleaseEntry

    def run(self, *arguments: str) -> Ran:
        return self.farm.run(*arguments, state=self.state)


@pytest.fixture(scope="module")
def mine(distribution: RunningFarm, subscriber: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of edge's in which a local openssl, built here now, replaces the channel's."""
    folder = tmp_path_factory.mktemp("mine")
    directory = revised(folder, "openssl", 2, (CONFIGURE, f"{CONFIGURE} no-psk"))
    root = folder / "root"
    override = ["override", "add", "--root", str(root), f"openssl={directory}", "--why", WHY, "--recipes", str(RECIPES)]
    distribution.run(*override, state=subscriber).done()
    return root


@pytest.fixture(scope="module")
def follower(
    distribution: RunningFarm, subscriber: Path, mine: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Follower]:
    """Has images with curl and with Python of the first release; the second release has the newer openssl."""
    folder = tmp_path_factory.mktemp("follower")
    keys = [*(distribution.state / "workers").glob("worker-*/key"), subscriber / "keys" / "worker.pem"]
    first, *others = [load_key(path) for path in keys]
    channel = SmallDistribution(folder / "channel", builder=first, builders=others)
    public = BlobStore(distribution.state / "public" / "blobs")
    release = Release.from_json(public.read(Digest(distribution.newest()["digest"])))
    for entry in entries(lambda blob: public.read(blob.digest), release.index):
        channel.take(entry, public)
    channel.publish()
    listed = distribution.run("override", "list", "--root", str(mine), "--json", state=subscriber).done().output
    newer = ReleaseEntry.from_dict(json.loads(listed)[0]["built"]["entry"])
    found = Follower(distribution, channel, folder / "state", newer)
    assert channel.founded is not None
    found.run("subscribe", str(channel.public), "edge", "--fingerprint", channel.founded.fingerprint).done()
    try:
        found.run("image", "build", "curl", "--tag", f"{CURL}:1").done()
        found.run("image", "build", "curl", "python", "--tag", f"{PYTHON}:1", "--no-load").done()
        channel.take(newer, BlobStore(distribution.host / "blobs"))
        channel.publish(checked=False)  # Python would lack symbols: the signer would refuse, as each image does below
        yield found
    finally:
        names = [f"{name}:{number}" for name in (CURL, PYTHON) for number in (1, 2)]
        subprocess.run(["docker", "rmi", "--force", *names], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with running_registry(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DebianImages]:
    with debian_images(tmp_path_factory.mktemp("debian"), "farm-test-debian:base", ("curl", "ca-certificates")) as made:
        yield made


class Meter:
    """Counts the bytes sent to a registry and fetched from it, from the meter's creation until it is stopped."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._received, self._sent = len(registry.blobs_received()), len(registry.blobs_sent())
        self._began = time.monotonic()
        self.seconds = 0.0
        self.sent: dict[str, int] = {}
        self.taken: dict[str, int] = {}

    def made(self) -> None:
        """Record the time: the image is made, and is sent next."""
        self.seconds = time.monotonic() - self._began

    def stop(self) -> None:
        """Read the registry's access log: the bytes of each blob by its digest."""
        received = self._registry.blobs_received()[self._received :]
        self.sent = {digest: self._registry.size(digest) for digest in received}
        self.taken = dict(self._registry.blobs_sent()[self._sent :])

    def line(self, name: str) -> str:
        pushed, pulled = (f"{len(blobs)} blobs, {sum(blobs.values()):,} B" for blobs in (self.sent, self.taken))
        return f"{name}: made in {self.seconds:.2f} s; pushed {pushed}; pulled {pulled}"


def test_one_layer_moves_where_a_dockerfile_is_carried_out_anew(
    follower: Follower, registry: Registry, debian: DebianImages, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    updated, computed = update(follower, registry, tmp_path / "curl")
    whole, rebuilt = rebuild(debian, registry, tmp_path / "debian")
    parts = {blob["digest"]: blob["size"] for blob in (*computed, configuration(registry, "curl", "2"))}
    parts[follower.newer.archive.digest] = follower.newer.archive.size
    assert updated.taken == parts
    # The referrers of the image go with it: its bill of materials, its set, the provenance of its packages.
    evidence = {blob["digest"] for blob in referrers_of(registry, "curl", "2")}
    assert updated.sent.keys() - evidence == parts.keys()
    pulled = pull(registry, f"{CURL}:2", "curl:2")
    assert parts.items() <= pulled.taken.items()
    meters = {
        "farm image update": updated,
        "the same, into a Docker Engine": pulled,
        "docker build, the first time": whole,
        "docker build, the second": rebuilt,
    }
    with capsys.disabled():  # docs/benchmarks.md shows these figures
        print(*("", *(meter.line(name) for name, meter in meters.items())), sep="\n")  # noqa: T201
    assert sum(updated.sent.values()) < sum(rebuilt.sent.values())
    assert sum(updated.taken.values()) < sum(rebuilt.taken.values())


def update(follower: Follower, registry: Registry, folder: Path) -> tuple[Meter, list[dict[str, Any]]]:
    """Update curl's image for a user who has it; returns what moved, and the layers of links and description."""
    follower.run("image", "push", f"{CURL}:1", f"{registry.host}/curl:1", "--plain-http").done()
    take(registry, "curl:1", folder)
    meter = Meter(registry)
    said = follower.run("image", "update", f"{CURL}:1", "openssl", "--tag", f"{CURL}:2").done().output
    meter.made()
    assert "openssl 3.5.7-1 → 3.5.7-2" in said
    assert "proven, with curl depending on it: 7 packages: " in said
    follower.run("image", "push", f"{CURL}:2", f"{registry.host}/curl:2", "--plain-http").done()
    take(registry, "curl:2", folder)
    meter.stop()
    old, new = (json.loads(fetched(registry, f"/v2/curl/manifests/{tag}"))["layers"] for tag in (1, 2))
    fresh = {layer["digest"] for layer in new} - {layer["digest"] for layer in old}
    computed = new[-2:]
    assert fresh == {follower.newer.archive.digest, *(layer["digest"] for layer in computed)}
    return meter, computed


def rebuild(debian: DebianImages, registry: Registry, folder: Path) -> tuple[Meter, Meter]:
    """Build the Dockerfile's image, and rebuild it when Debian has a newer openssl; returns what moved each time."""
    meters = []
    for tag in (1, 2):
        if tag == 2:
            debian.update("libssl3t64", "openssl", "openssl-provider-legacy")
        meter = Meter(registry)
        image = f"{registry.host}/debian:{tag}"
        debian.build(image)
        meter.made()
        subprocess.run(["docker", "push", "--quiet", image], check=True, capture_output=True)
        subprocess.run(["docker", "rmi", image], check=True, capture_output=True)
        take(registry, f"debian:{tag}", folder)
        meter.stop()
        meters.append(meter)
    first, second = meters
    return first, second


def test_the_updated_image_works_over_https_without_what_is_gone(follower: Follower) -> None:
    follower.run("image", "update", f"{CURL}:1", "openssl", "--tag", f"{CURL}:2").done()
    disabled = [printed(f"{CURL}:{number}", "openssl", "list", "-disabled") for number in (1, 2)]
    assert ["PSK" in listing.split() for listing in disabled] == [False, True]
    https(f"{CURL}:2")


def test_who_would_miss_symbols_is_named_and_with_an_override_it_goes_in(follower: Follower) -> None:
    refused = follower.run("image", "update", f"{PYTHON}:1", "openssl", "--tag", f"{PYTHON}:2", "--no-load")
    assert refused.status == 1
    assert "openssl 3.5.7-2 cannot go into the image" in refused.message
    assert LOST.search(refused.message), refused.message
    assert "curl 8.14.1-1: " not in refused.message
    assert f"{PYTHON}:2" not in follower.run("image", "list").done().output

    update = ["image", "update", f"{PYTHON}:1", "openssl", "--tag", f"{PYTHON}:2", "--override", WHY]
    said = follower.run(*update).done().output
    assert f"OVERRIDE: openssl 3.5.7-2, of dist.example.org/edge, replaces openssl 3.5.7-1: {WHY}" in said
    assert (
        "  not guaranteed: all that the release guarantees of openssl 3.5.7-1; that it was tested with curl and python"
        in said
    )
    assert "proven: " not in said
    shown = follower.run("image", "inspect", f"{PYTHON}:2").done().output
    assert re.search(f"  proof failed: {LOST.pattern}", shown), shown
    https(f"{PYTHON}:2")
    assert printed(f"{PYTHON}:2", "python3", "-c", "import hashlib; print(hashlib.md5(b'').hexdigest())") == (
        "d41d8cd98f00b204e9800998ecf8427e\n"
    )


def test_a_local_build_that_lacks_symbols_goes_in_and_is_told_each_time(
    distribution: RunningFarm, subscriber: Path, mine: Path
) -> None:
    installed = distribution.run("install", "--root", str(mine), "curl", "python", state=subscriber).done().output
    listed = distribution.run("list", "--root", str(mine), state=subscriber).done().output
    for said in (installed, listed):
        assert f"OVERRIDE: openssl 3.5.7-2, built here, replaces openssl 3.5.7-1: {WHY}\n" in said
        assert re.search(f"  proof failed: {LOST.pattern}", said), said
    curl = ["chroot", str(mine), "/usr/bin/curl", "--version"]
    assert "OpenSSL/3.5.7" in subprocess.run(curl, check=True, capture_output=True, text=True).stdout
    distribution.run("override", "remove", "--root", str(mine), "openssl", state=subscriber).done()
    upgraded = distribution.run("upgrade", "--root", str(mine), state=subscriber).done().output
    assert "openssl 3.5.7-2 → 3.5.7-1" in upgraded
    assert "OVERRIDE" not in upgraded


def take(registry: Registry, image: str, folder: Path) -> None:
    """Copy an image out of a registry into a layout, which keeps the blobs that it has."""
    tag = image.rpartition(":")[2]
    source = ["--src-tls-verify=false", f"docker://{registry.host}/{image}"]
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--quiet", *source, f"oci:{folder}:{tag}"], check=True)


def pull(registry: Registry, loaded: str, image: str) -> Meter:
    """Remove the image `loaded` before from the Docker Engine, which keeps the old one, and pull it anew."""
    subprocess.run(["docker", "rmi", loaded], check=True, capture_output=True)
    meter = Meter(registry)
    subprocess.run(["docker", "pull", "--quiet", f"{registry.host}/{image}"], check=True, capture_output=True)
    meter.made()
    meter.stop()
    subprocess.run(["docker", "rmi", f"{registry.host}/{image}"], check=True, capture_output=True)
    return meter


def configuration(registry: Registry, name: str, tag: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(fetched(registry, f"/v2/{name}/manifests/{tag}"))["config"]
    return found


def referrers_of(registry: Registry, name: str, tag: str) -> Iterator[dict[str, Any]]:
    """Yield the blobs of all referrers of an image: its bill of materials, its set, its packages' provenance."""
    digest = Digest.of(fetched(registry, f"/v2/{name}/manifests/{tag}"))
    index = "application/vnd.oci.image.index.v1+json"
    for referrer in json.loads(fetched(registry, f"/v2/{name}/manifests/sha256-{digest.hex}", index))["manifests"]:
        manifest = json.loads(fetched(registry, f"/v2/{name}/manifests/{referrer['digest']}"))
        yield from (manifest["config"], *manifest["layers"])


def printed(image: str, *command: str) -> str:
    run = ["docker", "run", "--rm", "--network=none", image, *command]
    ended = subprocess.run(run, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def https(image: str) -> None:
    """Check that curl in an image fetches a page from a server that it must trust, and from no other."""
    with tls_server("a page\n") as (url, authority):
        mount = f"--mount=type=bind,source={authority},target=/authority.pem,readonly"
        run = ["docker", "run", "--rm", "--network=host", mount, image, "curl", "--silent", "--show-error", url]
        trusted = subprocess.run([*run, "--cacert", "/authority.pem"], check=False, capture_output=True, text=True)
        assert (trusted.returncode, trusted.stdout) == (0, "a page\n"), trusted.stderr
        # The bundle was read; otherwise the status would be 77.
        assert subprocess.run(run, check=False, capture_output=True).returncode == 60
