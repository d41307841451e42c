"""What the engine's tests run on: the machine's own Docker Engine, and its own `/usr` in place of a toolchain."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farm.container.attempt_directory import AttemptDirectory, AttemptsRoot
from farm.container.empty_image import EmptyImage
from farm.container.environment import mount_links
from farm.container.sandbox import Sandbox, connect
from farm.container.sandbox_spec import Bind, SandboxLimits, SandboxResult, SandboxSpec, Scratch
from farm.core.fileset.forest import Forest
from farm.core.names.platform import Platform

if TYPE_CHECKING:
    from collections.abc import Iterator

    import docker

MB = 1 << 20
TOKEN = f"a-lease-token-{secrets.token_hex(6)}"
"""Unique to this process: containers are found by the token's digest, and other tests run some too."""


@pytest.fixture(scope="session")
def client() -> docker.APIClient:
    return connect(os.environ.get("DOCKER_HOST", ""))


@pytest.fixture(scope="session")
def sandbox(client: docker.APIClient) -> Sandbox:
    return Sandbox(client, EmptyImage.of(Platform.parse("linux/amd64")).ensure(client), worker="tests")


@pytest.fixture
def attempt(tmp_path: Path) -> Iterator[AttemptDirectory]:
    root = AttemptsRoot.open(tmp_path / "attempts", "tests")
    with AttemptDirectory.make(root, TOKEN, seconds=600) as directory:
        yield directory


@dataclass
class Box:
    """A sandbox ready to run shell commands; records their output."""

    sandbox: Sandbox
    spec: SandboxSpec
    output: dict[str, bytes] = field(default_factory=lambda: {"stdout": b"", "stderr": b""})

    def run(self, script: str, *, cancelled: Any = lambda: False, **changes: Any) -> SandboxResult:
        limits = {key: changes.pop(key) for key in ("seconds", "memory", "processes", "log") if key in changes}
        spec = replace(self.spec, command=("sh", "-c", script), **changes)
        spec = replace(spec, limits=replace(spec.limits, **limits))
        return self.sandbox.run(spec, on_output=self.keep, cancelled=cancelled)

    def keep(self, stream: str, piece: bytes) -> None:
        self.output[stream] += piece

    @property
    def printed(self) -> str:
        return self.output["stdout"].decode()

    @property
    def complained(self) -> str:
        return self.output["stderr"].decode()

    def with_binds(self, *binds: Bind) -> Box:
        return Box(self.sandbox, replace(self.spec, binds=(*self.spec.binds, *binds)))


@pytest.fixture
def box(sandbox: Sandbox, attempt: AttemptDirectory) -> Box:
    binds = mount_links(attempt.subdirectory("root"), Forest((), ()), Path("/"))
    spec = SandboxSpec(
        command=("true",),
        binds=tuple(bind for bind in binds if bind.target != "/var"),
        limits=SandboxLimits(seconds=60, memory=256 * MB, processes=128, log=4 * MB),
        attempt=attempt.path,
        labels=tuple(attempt.labels.items()),
        scratch=(Scratch("/build", 64 * MB), Scratch("/tmp", 16 * MB, shared=True)),
        workdir="/build",
    )
    return Box(sandbox, spec)
