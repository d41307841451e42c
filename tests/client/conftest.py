"""A published distribution of three packages, and a host that may subscribe to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.client.repository.host import Host
from tests.client.distribution import SmallDistribution
from tests.client.images import build, subscribe
from tests.client.tls import LOADER, Compiler

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n", "share/greet/words/hello": "hello\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": "loud\n"})
    distribution.package("alone", {"share/alone/file": "alone\n"})
    distribution.publish()
    return distribution


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "state", tmp_path / "shared")


@pytest.fixture
def compiler(tmp_path: Path) -> Compiler:
    return Compiler(tmp_path / "compiler")


@pytest.fixture
def curl(tmp_path: Path, compiler: Compiler, host: Host) -> SmallDistribution:
    """A channel with a library, a program that uses its older function, and the loader; an image of it, `curl:1`."""
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("tls", {"lib/libtls.so.1": compiler.library(42)}, version="3.0")
    distribution.package("curl", {"bin/curl": compiler.program("tls_legacy")}, version="8.0")
    distribution.package("loader", {"bin/ld-linux-x86-64.so.2": LOADER.read_bytes()})
    distribution.package("unrelated", {"share/unrelated": "x"})
    distribution.publish()
    subscribe(host, distribution)
    build(host, "curl", "loader", "unrelated", name="curl:1", command=("/usr/bin/curl",))
    return distribution
