"""Images of previews: pulled by the preview's number as long as it is open, and by no other name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.trust.ceremony.ceremony import list_preview_key
from farm.trust.layout import preview_path
from farm.trust.metadata.repository import Repository
from tests.threats.test_row_39_previews import PreviewingDistribution, now
from tests.web.registry.running import RunningRegistry, running_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database


@pytest.fixture
def dist(tmp_path: Path) -> PreviewingDistribution:
    made = PreviewingDistribution(tmp_path / "dist")
    made.package("tool", {"bin/tool": "released"}, version="1")
    made.publish()
    list_preview_key(Repository(made.public), made.folder / "keys", now())
    return made


@pytest.fixture
def registry(database: Database, dist: PreviewingDistribution, tmp_path: Path) -> Iterator[RunningRegistry]:
    with running_registry(database, tmp_path / "farm", dist.public) as running:
        yield running


def test_a_preview_is_pulled_by_its_number_and_a_channel_gives_what_it_gave(
    dist: PreviewingDistribution, registry: RunningRegistry
) -> None:
    before = registry.digest("edge/tool")
    assert registry.refused("preview-17/tool/manifests/latest")[0] == 404
    dist.sign(dist.changed())
    found = registry.digest("preview-17/tool")
    assert found != before
    assert registry.digest("preview-17/tool", "1") == found
    assert registry.ask("preview-17/tool/tags/list").json()["tags"] == ["1", "1-plain", "latest", "latest-plain"]
    assert registry.digest("edge/tool") == before
    assert registry.ask("edge/tool/tags/list").json()["tags"] == ["1", "1-plain", "latest", "latest-plain"]


def test_what_has_ended_or_is_signed_by_another_key_is_not_there(
    dist: PreviewingDistribution, registry: RunningRegistry
) -> None:
    release = dist.changed()
    dist.state(dist.builder, release)
    assert "no allowed key has signed" in registry.refused("preview-17/tool/manifests/latest")[2]
    dist.state(dist.preview_key, release)
    assert registry.digest("preview-17/tool")
    (dist.public / preview_path(17)).unlink()
    status, code, _ = registry.refused("preview-17/tool/manifests/latest")
    assert (status, code) == (404, "NAME_UNKNOWN")
