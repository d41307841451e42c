"""A library that loses a symbol, in real ELF files: refused with the symbol, the dependent, and a set that holds."""

from __future__ import annotations

import os
import secrets
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

from farm.client.image.diff import Side, compare
from farm.client.image.known_image import open_image
from farm.client.image.package_set import PackageDescriptions
from farm.client.image.replacement import UpdateRefusedError
from farm.container.image_store import ImageStore
from farm.container.sandbox import connect
from farm.oci.image_archive import image_archive
from tests.client.images import build, update
from tests.client.tls import Compiler, needs_compiler

if TYPE_CHECKING:
    from farm.client.repository.host import Host
    from farm.oci.image import OciImage
    from tests.client.distribution import SmallDistribution

pytestmark = needs_compiler


def test_a_symbol_that_is_gone_stops_the_update_and_the_newer_dependent_is_named(
    curl: SmallDistribution, compiler: Compiler, host: Host
) -> None:
    curl.package("tls", {"lib/libtls.so.1": compiler.library(44, legacy=False)}, version="4.0")
    curl.package("curl", {"bin/curl": compiler.program("tls_connect")}, version="8.1")
    curl.publish()
    with pytest.raises(UpdateRefusedError) as caught:
        update(host, "curl:1", "tls")
    assert str(caught.value) == (
        "tls 4.0-1 cannot go into the image:\n"
        "  curl 8.0-1: bin/curl imports tls_legacy (no version) from libtls.so.1, which tls 4.0-1 does not export"
    )
    assert caught.value.also == ("curl",)
    assert update(host, "curl:1", "tls", "curl", name="curl:2") is not None
    sides = []
    for name in ("curl:1", "curl:2"):
        known = open_image(name, host, None)
        sides.append(Side(known, PackageDescriptions(host).parts(known), None))
    (change,) = compare(host, *sides).symbols
    assert (change.soname, change.added, change.removed) == ("libtls.so.1", (), ("tls_legacy",))


def test_without_a_newer_dependent_it_is_said_that_nothing_helps(
    curl: SmallDistribution, compiler: Compiler, host: Host
) -> None:
    curl.package("tls", {"lib/libtls.so.1": compiler.library(44, legacy=False)}, version="4.0")
    del curl.entries["curl"]
    curl.publish()
    with pytest.raises(UpdateRefusedError, match="tls_legacy") as caught:
        update(host, "curl:1", "tls")
    assert caught.value.also is None
    assert "wait" in caught.value.remedy


@pytest.mark.docker
def test_the_fixed_library_runs_and_the_program_was_not_built_again(
    curl: SmallDistribution, compiler: Compiler, host: Host
) -> None:
    one, other = (f"farm-test/{secrets.token_hex(6)}:{number}" for number in (1, 2))
    first = build(host, "curl", "loader", "unrelated", command=("/usr/bin/curl",))
    curl.package("tls", {"lib/libtls.so.1": compiler.library(43)}, version="3.1")
    curl.publish()
    found = update(host, "curl:1", "tls")
    assert found is not None
    assert found.trial.dependents == ("curl",)
    client = connect(os.environ.get("DOCKER_HOST", ""))
    try:
        assert ended(client, first.image, host, one) == 42
        assert ended(client, found.made.image, host, other) == 43
    finally:
        for reference in (one, other):
            client.remove_image(reference, force=True)


def ended(client: object, image: OciImage, host: Host, reference: str) -> int:
    """Load the image, run it, and return the exit status of its program."""
    ImageStore(client).load(  # type: ignore[arg-type]
        image, partial(image_archive, image, host.blobs, reference=reference), reference=reference
    )
    return subprocess.run(["docker", "run", "--rm", "--network=none", reference], check=False).returncode
