"""What the pages tell a newcomer to do is carried out on real software, and prints what the pages show.

`UPDATE_GOLDEN=1 pytest tests/docs/test_pages_run.py` writes the current output into the pages, for review. Builds are
kept where `farm build` keeps them: the first time takes two minutes, each later one half a minute.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from farm.trust.enrolment_record import EnrolmentRecord, record_name
from tests.client.name_server import NameServer
from tests.client.web_server import serving
from tests.docs.real_channel import ROOT, RealChannel
from tests.docs.walk import Section, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.docker, pytest.mark.toolchain]

_KEPT = ("HOME", "LANG", "DOCKER_HOST", "XDG_STATE_HOME", "FARM_STATE", "FARM_HOST")


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a shell in which `farm` is on the path."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | more


@contextmanager
def without_images(*names: str) -> Iterator[None]:
    """Check that Docker has none of these images before and after."""
    remove = ["docker", "image", "rm", "--force", *names]
    subprocess.run(remove, capture_output=True, check=False)
    try:
        yield
    finally:
        subprocess.run(remove, capture_output=True, check=False)


@contextmanager
def announced(channel: RealChannel) -> Iterator[str]:
    """Serve the channel, and name it in DNS as its owner would; yields the resolver's address."""
    distribution, resolver = channel.distribution, NameServer()
    assert distribution.founded is not None
    with serving(distribution.public) as address, resolver.running():
        record = EnrolmentRecord(address, Digest(distribution.founded.fingerprint))
        resolver.texts[record_name(distribution.domain)] = [str(record)]
        yield resolver.address


def test_a_new_subscriber_comes_to_an_updated_image(tmp_path: Path) -> None:
    channel = RealChannel(tmp_path / "distribution")
    state, folder = tmp_path / "state", tmp_path / "folder"
    folder.mkdir()
    with announced(channel) as resolver, without_images("orders:1", "orders:2"):
        walk(
            Section(ROOT / "docs" / "subscribe.md", "## A walk, from nothing to an updated image"),
            folder,
            environment(FARM_STATE=str(state), FARM_HOST=str(state / "host"), FARM_RESOLVER=resolver),
            {"A fix arrives": channel.release_the_fix},
        )


def test_two_minutes_with_the_clone() -> None:
    build = ["farm", "image", "build", "jq", "--local", "--tag", "jq:mine"]
    with without_images("jq:mine"):
        # The page shows the second run, when everything is present.
        subprocess.run(build, cwd=ROOT, env=environment(), capture_output=True, check=True)
        walk(Section(ROOT / "README.md", "## Two minutes"), ROOT, environment())
