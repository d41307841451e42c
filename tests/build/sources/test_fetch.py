from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from farm.build.sources.fetch import (
    SourceDigestMismatchError,
    SourceFetcher,
    SourceUnreachableError,
)
from farm.build.toolchain.apt import Apt
from farm.core.names.digest import ZEROS, Digest
from farm.core.recipe.recipe import Origin
from farm.store.blobs import BlobStore
from farm.store.http.address_guard import AddressGuard, ForbiddenAddressError
from farm.store.http.download_policy import DownloadPolicy
from tests.store.http.source_server import SourceServer, source_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

HERE = DownloadPolicy(AddressGuard.of(["127.0.0.0/8"]), connect_seconds=2)
JQ = Digest.from_hex("fc75b1824aba7a954ef0886371d951c3bf4b6e0a921d1aefc553f309702d6ed1")
MARKUPSAFE = Digest.from_hex("ee55d3edf80167e48ea11a923c7386f4669df67d7994554387f84e7d8b0a2bf0")


@pytest.fixture
def server() -> Iterator[SourceServer]:
    with source_server() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path / "blobs")


def test_a_source_is_fetched_into_the_store_and_then_never_again(server: SourceServer, store: BlobStore) -> None:
    digest = Digest.of(b"tarball")
    fetcher = SourceFetcher(store, HERE)
    url = server.serve("/a.tar.gz", b"tarball")
    fetched = fetcher.fetch(digest, url)
    assert (fetched, store.read(digest)) == (url, b"tarball")
    assert fetcher.fetch(digest, url) == "the blob store"
    assert server.requests == ["/a.tar.gz"]


def test_the_farm_s_own_store_is_asked_before_any_origin(server: SourceServer, store: BlobStore) -> None:
    fetcher = SourceFetcher(store, HERE, farm_store=lambda _digest: io.BytesIO(b"tarball"))
    assert fetcher.fetch(Digest.of(b"tarball"), server.serve("/a", b"tarball")) == "the farm's store"
    assert server.requests == []


def test_a_farm_store_that_lacks_the_source_is_no_obstacle(server: SourceServer, store: BlobStore) -> None:
    url = server.serve("/a", b"tarball")
    fetched = SourceFetcher(store, HERE, farm_store=lambda _digest: None).fetch(Digest.of(b"tarball"), url)
    assert fetched == url


def test_threat_14_other_bytes_are_refused_by_origin_expected_and_got(server: SourceServer, store: BlobStore) -> None:
    url = server.serve("/a.tar.gz", b"swapped")
    with pytest.raises(SourceDigestMismatchError) as caught:
        SourceFetcher(store, HERE).fetch(Digest.of(b"genuine"), url)
    expected, got = Digest.of(b"genuine"), Digest.of(b"swapped")
    error = caught.value
    assert error.message == f"{url} serves other bytes than the recipe names: expected {expected}, got {got}"
    assert list(store.iter()) == []


def test_a_download_with_another_digest_is_used_once_a_recipe_names_it(server: SourceServer, store: BlobStore) -> None:
    url = server.serve("/a.tar.gz", b"new release")
    fetcher = SourceFetcher(store, HERE)
    with pytest.raises(SourceDigestMismatchError) as caught:
        fetcher.fetch(Digest.of(b"old release"), url)
    assert caught.value.actual == Digest.of(b"new release")
    with pytest.raises(SourceDigestMismatchError):
        fetcher.fetch(Digest.of(b"another one"), url)
    assert list(store.iter()) == []
    server.requests.clear()
    assert fetcher.fetch(Digest.of(b"new release"), url) == "an earlier download"
    assert server.requests == []
    assert store.read(Digest.of(b"new release")) == b"new release"


def test_a_source_without_a_digest_yet_gets_the_line_to_write(server: SourceServer, store: BlobStore) -> None:
    url = server.serve("/a.tar.gz", b"new")
    with pytest.raises(SourceDigestMismatchError) as caught:
        SourceFetcher(store, HERE).fetch(ZEROS, url)
    digest = Digest.of(b"new")
    assert caught.value.message == f"the recipe has no digest of this source yet; {url} serves {digest}"
    assert caught.value.remedy.endswith(f" Then write: sha256: {digest.hex}")
    assert list(store.iter()) == []


def test_a_broken_download_leaves_nothing_in_quarantine(server: SourceServer, store: BlobStore) -> None:
    def break_off(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")

    server.behaviours["/half"] = break_off
    with pytest.raises(SourceUnreachableError):
        SourceFetcher(store, HERE).fetch(Digest.of(b"x"), server.url("/half"))
    assert [path for path in store.root.rglob("*") if path.is_file()] == []


def test_threat_14_a_swapped_origin_is_passed_over(server: SourceServer, store: BlobStore) -> None:
    swapped, genuine = server.serve("/mirror", b"swapped"), server.serve("/upstream", b"genuine")
    fetched = SourceFetcher(store, HERE).fetch(Digest.of(b"genuine"), genuine, [Origin("url", swapped)])
    assert fetched == genuine
    assert list(store.iter()) == [Digest.of(b"genuine")]


def test_an_unreachable_source_lists_every_origin_and_why(server: SourceServer, store: BlobStore) -> None:
    url = server.url("/gone")
    origins = [Origin("debian", "jq"), Origin("pypi", "nonsense"), Origin("url", "http://upstream.invalid/a")]
    with pytest.raises(SourceUnreachableError) as caught:
        SourceFetcher(store, HERE).fetch(Digest.of(b"x"), url, origins)
    lines = caught.value.message.splitlines()
    assert lines[0] == f"the source {Digest.of(b'x')} could not be fetched:"
    assert lines[1] == "  debian: jq: this worker has no apt sources"
    assert lines[2] == "  pypi: nonsense: 'nonsense' does not have the form name==version"
    assert lines[3].startswith("  url: http://upstream.invalid/a: upstream.invalid cannot be reached: ")
    assert lines[4] == f"  {url}: the server answered with HTTP status 404"
    assert caught.value.remedy


def test_threat_13_a_forbidden_address_is_the_error_even_if_other_origins_fail(
    server: SourceServer, store: BlobStore
) -> None:
    server.serve("/secret", b"x")
    with pytest.raises(ForbiddenAddressError):
        SourceFetcher(store, DownloadPolicy()).fetch(Digest.of(b"x"), server.url("/secret"), [Origin("debian", "jq")])
    assert server.connections == 0


def test_threat_13_a_file_url_is_refused_before_any_origin_is_asked(server: SourceServer, store: BlobStore) -> None:
    with pytest.raises(ForbiddenAddressError, match="only http and https"):
        SourceFetcher(store, HERE).fetch(
            Digest.of(b"x"), "file:///etc/shadow", [Origin("url", server.serve("/x", b"x"))]
        )
    assert server.requests == []


@pytest.fixture(scope="session")
def apt(tmp_path_factory: pytest.TempPathFactory) -> Apt:
    return Apt.of_machine(tmp_path_factory.mktemp("apt"), "trixie")


@pytest.mark.toolchain
def test_upstream_s_tarball_comes_from_debian_when_its_own_host_is_gone(store: BlobStore, apt: Apt) -> None:
    fetched = SourceFetcher(store, HERE, apt=apt).fetch(JQ, "https://upstream.invalid/jq", [Origin("debian", "jq")])
    assert fetched == "debian: jq"
    store.verify(JQ)


@pytest.mark.toolchain
def test_debian_having_other_bytes_is_a_mismatch_found_without_a_download(store: BlobStore, apt: Apt) -> None:
    with pytest.raises(SourceDigestMismatchError, match=r"jq_1\.7\.1\.orig\.tar\.gz of version") as caught:
        SourceFetcher(store, HERE, apt=apt).fetch(Digest.of(b"no such tarball"), "", [Origin("debian", "jq")])
    assert f"got {JQ}" in caught.value.message


@pytest.mark.toolchain
def test_a_version_that_debian_has_not_is_named_with_those_that_it_has(store: BlobStore, apt: Apt) -> None:
    with pytest.raises(SourceUnreachableError, match=r"does not have the version 0\.1-1; it has 1\.7\.1"):
        SourceFetcher(store, HERE, apt=apt).fetch(Digest.of(b"x"), "", [Origin("debian", "jq=0.1-1")])


@pytest.mark.toolchain
@pytest.mark.parametrize("name", ["no-such-package-anywhere", "-o=Dir::Bin::dpkg=/bin/true", "../jq", "?essential"])
def test_a_name_that_debian_has_not_is_an_error_whatever_it_looks_like(store: BlobStore, apt: Apt, name: str) -> None:
    with pytest.raises(SourceUnreachableError):
        SourceFetcher(store, HERE, apt=apt).fetch(Digest.of(b"x"), "", [Origin("debian", name)])


@pytest.mark.toolchain
def test_a_source_distribution_comes_through_pip_and_nothing_of_it_is_run(store: BlobStore) -> None:
    fetched = SourceFetcher(store, HERE).fetch(MARKUPSAFE, "", [Origin("pypi", "markupsafe==3.0.2")])
    assert fetched == "pypi: markupsafe==3.0.2"
    store.verify(MARKUPSAFE)


@pytest.mark.toolchain
def test_a_release_that_the_python_index_has_not_is_an_error(store: BlobStore) -> None:
    with pytest.raises(SourceUnreachableError, match=r"no source distribution of markupsafe 9\.9\.9"):
        SourceFetcher(store, HERE).fetch(MARKUPSAFE, "", [Origin("pypi", "markupsafe==9.9.9")])
