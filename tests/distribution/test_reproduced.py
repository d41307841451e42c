"""The gate `reproduced` in a whole farm: two workers with own keys, and a package whose builds never agree."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from farm.core.names.digest import Digest
from farm.core.package.descriptor import Descriptor
from farm.store.blobs import BlobStore
from farm.trust.attestation.provenance import verify_provenance
from farm.trust.index.release_index import Release
from farm.trust.index.tree import entries
from farm.trust.metadata.repository import Repository
from tests.distribution.conftest import empty_host
from tests.farms.running import RECIPES, RunningFarm
from tests.web.page_reading import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

POLICY = """\
gates:
  - proof
  - reproduced: {{agree: {agree}}}
"""
RECIPE = """\
name: {name}
version: "{version}"
summary: One file
license: 0BSD
source:
  - file: LICENSE
toolchain: c
steps:
  - run: |
      mkdir -p "$DESTDIR/usr/share/{name}"
      {says} > "$DESTDIR/usr/share/{name}/said"
      install -D --mode=0644 --target-directory="$DESTDIR/usr/share/licenses/{name}" /sources/LICENSE
"""
ALWAYS_THE_SAME, NEVER_THE_SAME = "echo 1", "cat /proc/sys/kernel/random/uuid"


def written(folder: Path, name: str, says: str, version: str = "1") -> Path:
    place = folder / version / name
    place.mkdir(parents=True)
    (place / "recipe.yaml").write_text(RECIPE.format(name=name, version=version, says=says))
    (place / "LICENSE").write_text("Do with it what you like.\n")
    return place


def policy(farm: RunningFarm, agree: int) -> None:
    (farm.recipes / "channels" / "edge.yaml").write_text(POLICY.format(agree=agree))


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    folder = tmp_path_factory.mktemp("reproduced")
    tree = folder / "recipes"
    shutil.copytree(RECIPES, tree)
    (tree / "channels" / "stable.yaml").unlink()
    farm = RunningFarm(folder / "farm", empty_host(folder), recipes=tree)
    policy(farm, 2)
    try:
        yield farm.start()
    finally:
        farm.stop()
        shutil.rmtree(folder, ignore_errors=True)


def excuse(farm: RunningFarm, package: str) -> dict[str, Any] | None:
    return next((found for found in farm.json("channel", "excuses", "edge") if found["package"] == package), None)


def rebuilds(farm: RunningFarm, name: str) -> list[dict[str, Any]]:
    return [job for job in farm.jobs_of(name) if job["rebuild"]]


def workers(farm: RunningFarm, name: str) -> set[str]:
    """Return the workers that carried out builds and rebuilds of a recipe."""
    details = [httpx.get(f"{farm.url}/api/v1/jobs/{number}").json() for number in farm.builds_of(name)]
    return {attempt["worker"] for job in details for attempt in job["attempts"]}


def builders(farm: RunningFarm, name: str) -> set[str]:
    """Return the keys that signed for a package of the newest release, as it is published."""
    public = BlobStore(farm.state / "public" / "blobs")
    release = Release.from_json(public.read(Digest(farm.newest()["digest"])))
    (entry,) = [found for found in entries(lambda blob: public.read(blob.digest), release.index) if found.name == name]
    allowed = Repository(farm.state / "public").builders()
    descriptor = Descriptor.from_json(public.read(entry.descriptor.digest))
    envelopes = [public.read(blob.digest) for blob in (entry.provenance, *entry.rebuilds)]
    return {verify_provenance(envelope, allowed, descriptor, entry.recipe).builder for envelope in envelopes}


def subscriber(farm: RunningFarm, folder: Path) -> Path:
    options = ("--fingerprint", farm.fingerprint)
    farm.run("subscribe", f"{farm.url}/repository", "edge", *options, state=folder).done()
    return folder


def test_a_package_is_released_once_the_second_worker_has_come_to_it_too(farm: RunningFarm, tmp_path: Path) -> None:
    ran = farm.submit(written(tmp_path, "steady", ALWAYS_THE_SAME)).done()
    assert "held back from edge: 1 of 2 builders agree; job 2 will rebuild it" in ran.message
    (again,) = rebuilds(farm, "steady")
    assert again["state"] == "succeeded"
    assert workers(farm, "steady") == {"worker-1", "worker-2"}
    assert len(builders(farm, "steady")) == 2
    state = subscriber(farm, tmp_path / "subscriber")
    farm.run("install", "steady", "--root", str(tmp_path / "root"), state=state).done()


def test_a_package_that_never_comes_out_twice_is_held_with_the_file_that_differs(
    farm: RunningFarm, tmp_path: Path
) -> None:
    ran = farm.submit(written(tmp_path, "fickle", NEVER_THE_SAME))
    assert ran.status == 1, ran.output
    found = excuse(farm, "fickle")
    assert found is not None
    differs = "with a different result than {}: share/fickle/said differs in fickle"
    first, second = sorted(workers(farm, "fickle"))
    assert any(differs.format(worker) in found["reason"] for worker in (first, second)), found
    assert found["job"] == rebuilds(farm, "fickle")[0]["id"]
    assert found["retry"] == f"farm retry {found['job']}"
    shown = farm.run("channel", "excuses", "edge").done().output
    assert "share/fickle/said differs in fickle" in shown
    assert "share/fickle/said differs in fickle" in ran.message
    page = text_of(httpx.get(f"{farm.url}/channels/edge").text)
    assert "share/fickle/said differs in fickle" in page
    assert "share/fickle/said differs" in text_of(httpx.get(f"{farm.url}/jobs/{found['job']}").text)
    assert "fickle" not in {package["name"] for package in farm.newest()["packages"]}
    # A version whose builds agree clears the excuse automatically.
    farm.submit(written(tmp_path, "fickle", ALWAYS_THE_SAME, version="2")).done()
    assert excuse(farm, "fickle") is None
    assert len(builders(farm, "fickle")) == 2


def test_a_client_asks_for_as_many_builders_as_the_policy_does(farm: RunningFarm, tmp_path: Path) -> None:
    state = subscriber(farm, tmp_path / "subscriber")
    farm.stop()
    policy(farm, 3)
    farm.options = ("--workers", "3")  # a policy may not require more builders than are allowed
    farm.start()
    refused = farm.run("install", "steady", "--root", str(tmp_path / "root"), state=state)
    assert refused.status == 1
    assert "edge requires 3 builders of the same package, and there are 2" in refused.message
