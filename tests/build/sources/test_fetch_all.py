"""Sources of several recipes: fetched at the same time, all failures reported together with their places."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from farm.build.sources.fetch import SourceFetcher
from farm.build.sources.fetch_all import PARALLEL, FetchProgress, SourcesNotFetchedError, fetch_all, missing_sources
from farm.core.names.digest import Digest
from farm.core.policy.tree import load_tree
from farm.store.blobs import BlobStore
from farm.store.http.address_guard import AddressGuard
from farm.store.http.download_policy import DownloadPolicy
from tests.build.local_builds import recipe_files
from tests.store.http.source_server import SourceServer, source_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

HERE = DownloadPolicy(AddressGuard.of(["127.0.0.0/8"]), connect_seconds=2)
RECIPE = """\
name: {name}
version: "1.0"
summary: Something from elsewhere
license: MIT
source:
  - url: {first}
    sha256: {digest}
  - file: fix.patch
  - url: {second}
    sha256: {other}
toolchain: c
steps:
  - run: make install
"""


@pytest.fixture
def server() -> Iterator[SourceServer]:
    with source_server() as running:
        yield running


def recipes(server: SourceServer, *names: str, **digests: str) -> dict[str, bytes]:
    """A tree of recipes, each with two archives of its own; `digests` are those that a recipe names wrongly."""
    files = recipe_files()
    for name in names:
        bodies = {file: f"{name} {file}".encode() for file in ("first.tar", "second.tar")}
        first, second = (server.serve(f"/{name}/{file}", body) for file, body in bodies.items())
        digest, other = (Digest.of(body).hex for body in bodies.values())
        files[f"packages/{name}/recipe.yaml"] = RECIPE.format(
            name=name, first=first, second=second, digest=digest, other=digests.get(name, other)
        ).encode()
        files[f"packages/{name}/fix.patch"] = b"--- a\n+++ b\n"
    return files


def fetch(
    files: dict[str, bytes], store: BlobStore, *names: str, seen: list[FetchProgress] | None = None
) -> list[FetchProgress]:
    tree, seen = load_tree(files), [] if seen is None else seen
    fetch_all(
        missing_sources([tree.recipes[name] for name in names], store), files, SourceFetcher(store, HERE), seen.append
    )
    return seen


def test_every_source_is_fetched_once_with_progress_in_files_and_bytes(server: SourceServer, tmp_path: Path) -> None:
    store, files = BlobStore(tmp_path), recipes(server, "one", "two")
    seen = fetch(files, store, "one", "two")
    last = seen[-1]
    assert (last.files, last.total, last.size) == (4, 4, sum(map(len, server.bodies.values())))
    files_of = [f"{file}.tar of {recipe}" for recipe in ("one", "two") for file in ("first", "second")]
    for event in ("begun", "fetched"):
        assert sorted(one.file for one in seen if one.event == event) == sorted(files_of)
    assert sorted(server.requests) == sorted(server.bodies)
    assert all(store.has(Digest.of(body)) for body in server.bodies.values())
    assert missing_sources([load_tree(files).recipes["one"]], store) == []


def test_all_failures_are_reported_with_file_line_and_column(server: SourceServer, tmp_path: Path) -> None:
    files = recipes(server, "one", "two", two="0" * 64, one="ab" * 32)
    store, seen = BlobStore(tmp_path), list[FetchProgress]()
    with pytest.raises(SourcesNotFetchedError) as caught:
        fetch(files, store, "two", "one", seen=seen)
    assert [one.event for one in seen].count("failed") == 2
    first, second = caught.value.problems
    assert str(first.place) == "packages/one/recipe.yaml:10:13"
    assert (first.excerpt.strip(), first.length) == (f"sha256: {'ab' * 32}", 64)
    assert "serves other bytes than the recipe names" in first.message
    assert str(second.place) == "packages/two/recipe.yaml:10:13"
    new = Digest.of(b"two second.tar")
    assert second.remedy.endswith(f"sha256: {new.hex}")
    assert caught.value.message.count("recipe.yaml:") == 2
    # What was right is there, so that the next attempt is short; and so is what the corrected digest names.
    assert all(store.has(Digest.of(body)) for body in (b"one first.tar", b"two first.tar"))
    server.requests.clear()
    fetch(recipes(server, "one", "two"), store, "one", "two")
    assert server.requests == []


def test_a_source_that_is_no_archive_is_reported_as_soon_as_it_is_there(server: SourceServer, tmp_path: Path) -> None:
    files = recipes(server, "one")
    server.bodies["/one/first.tar"] = page = b"<!doctype html><title>Moved</title>"
    path = "packages/one/recipe.yaml"
    files[path] = files[path].replace(Digest.of(b"one first.tar").hex.encode(), Digest.of(page).hex.encode())
    with pytest.raises(SourcesNotFetchedError, match=r"first\.tar: its format is web page") as caught:
        fetch(files, BlobStore(tmp_path), "one")
    assert str(caught.value.problems[0].place) == f"{path}:7:13"


def test_sources_are_fetched_in_parallel_and_no_more_at_a_time_than_said(server: SourceServer, tmp_path: Path) -> None:
    """Each answer waits until as many requests as allowed are there: one after the other, the first would never end."""
    files = recipes(server, "one", "two")
    together = threading.Barrier(PARALLEL)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        together.wait(60)
        body = server.bodies[handler.path]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.behaviours |= dict.fromkeys(server.bodies, answer)
    assert fetch(files, BlobStore(tmp_path), "one", "two")[-1].files == 4
