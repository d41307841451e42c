"""Builds on the machine's own Docker Engine, with the machine's own `/usr` as the toolchain."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from farm.build.attempt.build import build
from farm.build.attempt.package_test import run_test
from farm.build.attempt.workshop import Workshop
from farm.build.local_state import LocalState
from farm.build.sources.fetch import SourceFetcher
from farm.build.toolchain.toolchain import Toolchain
from farm.container.attempt_directory import IDENTITY, AttemptDirectory, AttemptsRoot
from farm.container.empty_image import EmptyImage
from farm.container.sandbox import Sandbox, connect
from farm.core.fileset.manifest import Manifest
from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.core.plan.job import BlobRef, BuildOrder, BuiltPackage, TestOrder
from farm.core.plan.plan import Plan, PlannedDependency, PlannedSource
from farm.core.recipe.recipe import Limits, Step, Test
from farm.store.blobs import BlobStore
from farm.store.errors import MissingBlobError
from farm.store.http.download_policy import DownloadPolicy
from farm.store.unpack import PackageCache
from farm.trust.keys.key_files import create_key
from tests.build.local_builds import Local, toolchains_host
from tests.core.plan.values import bare_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import docker

    from farm.container.log_record import LogRecord
    from farm.core.plan.job import BuildOutcome, TestOutcome

AMD64 = Platform("linux", "amd64")
LIMITS = Limits(minutes=2, memory_mb=256, output_mb=16, processes=128, log_mb=2)
RECIPE = Digest.of(b"the recipe")


@pytest.fixture(scope="session")
def client() -> docker.APIClient:
    return connect(os.environ.get("DOCKER_HOST", ""))


@dataclass
class Bench:
    """Writes plans for shell text, and carries them out."""

    workshop: Workshop
    toolchain: Digest
    records: list[LogRecord] = field(default_factory=list)

    def plan(self, script: str, *, name: str = "thing", needs: tuple[BuiltPackage, ...] = (), **changes: Any) -> Plan:
        dependencies = tuple(
            PlannedDependency(need.descriptor.name, need.descriptor.version, need.descriptor.tree, direct=True)
            for need in needs
        )
        own = {"toolchain": self.toolchain, "dependencies": dependencies, "steps": (Step("install", script),)}
        return bare_plan(name, **{**own, **changes})

    def order(self, plan: Plan, *needs: BuiltPackage, **limits: int) -> BuildOrder:
        archives = tuple(need.as_dependency() for need in needs)
        return BuildOrder(plan, RECIPE, (), replace(LIMITS, **limits), archives)

    def carry_out(self, order: BuildOrder, **changes: Any) -> BuildOutcome:
        workshop = replace(self.workshop, **{k: v for k, v in changes.items() if k != "cancelled"})
        rest = {key: value for key, value in changes.items() if key == "cancelled"}
        with self.attempt() as attempt:
            return build(order, workshop, attempt=attempt, log=self.records.append, **rest)

    def build(self, script: str, *, needs: tuple[BuiltPackage, ...] = (), **changes: Any) -> tuple[BuiltPackage, ...]:
        limits = {key: changes.pop(key) for key in LIMITS.to_dict() if key in changes}
        plan = self.plan(script, needs=needs, **changes)
        return self.carry_out(self.order(plan, *needs, **limits)).packages

    def test(self, test: Test, *closure: BuiltPackage, **limits: int) -> TestOutcome:
        archives = tuple(package.as_dependency() for package in closure)
        order = TestOrder(test, closure[0].descriptor.digest, archives, replace(LIMITS, **limits))
        with self.attempt() as attempt:
            return run_test(order, self.workshop, attempt=attempt, log=self.records.append)

    def attempt(self) -> AttemptDirectory:
        token = f"test-{secrets.token_hex(8)}"
        return AttemptDirectory.make(self.workshop.attempts, token, seconds=600)

    def source(self, file: str, content: bytes, **changes: Any) -> PlannedSource:
        return PlannedSource(file, self.workshop.store.put_bytes(content), **changes)

    @property
    def lines(self) -> list[str]:
        return [record.text for record in self.records if record.stream != "farm"]


@pytest.fixture
def bench(tmp_path: Path, client: docker.APIClient) -> Iterator[Bench]:
    store, worker = BlobStore(tmp_path / "blobs"), f"tests-{secrets.token_hex(4)}"
    # The base counts as empty: the machine's files can be run, but none of their paths is a path of the base.
    tree = store.put_bytes(Manifest.of([]).to_json())
    root = tmp_path / "toolchain"
    root.mkdir()
    for top in ("usr", "etc"):
        (root / top).symlink_to(f"/{top}")
    toolchain = Toolchain("host", tree, BlobRef(tree, 0), root, None, store)

    def obtain(digest: Digest) -> None:
        if not store.has(digest):
            raise MissingBlobError(digest)

    workshop = Workshop(
        store=store,
        cache=PackageCache(tmp_path / "packages"),
        toolchains={tree: toolchain}.__getitem__,
        sandbox=Sandbox(client, EmptyImage.of(AMD64).ensure(client), worker=worker),
        fetcher=SourceFetcher(store, DownloadPolicy()),
        signer=create_key(tmp_path / "keys" / "worker.pem"),
        attempts=AttemptsRoot.open(tmp_path / "attempts", worker),
        obtain=obtain,
    )
    yield Bench(workshop, tree)
    # However a build ended, nothing of it remains on the host.
    assert [path.name for path in workshop.attempts.path.iterdir()] == [IDENTITY]
    assert not client.containers(all=True, filters={"label": f"farm={worker}"})


@pytest.fixture
def local(tmp_path: Path) -> Local:
    return Local(LocalState(tmp_path / "state", toolchains_host()))
