"""Sources that are only carried along with a build: fetched if available, and no build fails without them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from farm.build.attempt.inputs import fetch_carried
from farm.build.sources.fetch import SourceFetcher
from farm.core.names.digest import Digest
from farm.core.plan.job import BuildOrder, SourceOrigin
from farm.core.recipe.recipe import Limits
from farm.store.blobs import BlobStore
from farm.store.http.address_guard import AddressGuard
from farm.store.http.download_policy import DownloadPolicy
from tests.core.plan.values import DEBS, planned
from tests.store.http.source_server import SourceServer, source_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[SourceServer]:
    with source_server() as running:
        yield running


def test_what_is_carried_is_fetched_and_what_is_lost_is_logged(
    server: SourceServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    original, lost = Digest.of(b"original"), Digest.of(b"lost")
    origins = (
        SourceOrigin(DEBS["libc6"], "", (), "libc6"),  # of the plan, so not fetched here
        SourceOrigin(lost, server.serve("/lost", b"something else")),
        SourceOrigin(original, server.serve("/original", b"original")),
    )
    order = BuildOrder(planned(), Digest.of(b"recipe"), origins, Limits(), ())
    store = BlobStore(tmp_path / "blobs")
    fetcher = SourceFetcher(store, DownloadPolicy(AddressGuard.of(["127.0.0.0/8"]), connect_seconds=2))
    with caplog.at_level(logging.WARNING, logger="farm.build"):
        assert list(fetch_carried(order, fetcher)) == [original]
    assert list(store.iter()) == [original]
    (record,) = caplog.records
    assert "is published without the whole source of Debian's packages" in record.getMessage()
    assert str(lost) in record.getMessage()
