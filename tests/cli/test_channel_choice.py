"""Which channel the builds of a tree come from: the one that is named, else the only one of the tree's distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from farm.cli.channel_choice import ChannelChoice, channel_builds
from farm.client.repository.host import Host
from farm.client.repository.subscriptions import SubscriptionError
from tests.client.distribution import SmallDistribution

if TYPE_CHECKING:
    from pathlib import Path

OURS, OTHER = "dist.example.org", "other.example"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "state", tmp_path / "shared")


def follow(host: Host, folder: Path, domain: str, channel: str) -> None:
    distribution = SmallDistribution(folder / f"{domain}-{channel}", domain=domain, channel=channel)
    distribution.package("say", {"share/say": "hello"})
    distribution.publish()
    assert distribution.founded
    host.subscriptions.subscribe(str(distribution.public), channel, distribution.founded.fingerprint)


def chosen(host: Host, **choice: str) -> str | None:
    builds = channel_builds(ChannelChoice(**choice), host, OURS)
    return builds.channel if builds else None


def test_the_only_channel_of_the_distribution_is_taken(host: Host, tmp_path: Path) -> None:
    assert chosen(host) is None
    follow(host, tmp_path, OTHER, "edge")
    assert chosen(host) is None
    follow(host, tmp_path, OURS, "edge")
    assert chosen(host) == f"{OURS}/edge"
    assert chosen(host, channel="none") is None
    assert chosen(host, against=f"{OURS}/edge") == f"{OURS}/edge"


def test_of_several_channels_none_is_taken_unless_it_is_named(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = SmallDistribution(tmp_path / "both")
    both.package("say", {"share/say": "hello"})
    both.publish()
    assert both.founded
    host.subscriptions.subscribe(str(both.public), "edge", both.founded.fingerprint)
    subscription = host.subscriptions.find("edge")
    place = host.state / "subscriptions" / OURS
    (place / "stable").mkdir()
    for path in (place / "edge").glob("*.json"):
        text = path.read_text().replace('"edge"', '"stable"') if path.name == "subscription.json" else path.read_text()
        (place / "stable" / path.name).write_text(text)
    assert subscription.channel == "edge"
    assert chosen(host) is None
    assert (
        f"{OURS}/edge and {OURS}/stable are subscribed: `farm build --channel` takes the builds of one"
        in capsys.readouterr().err
    )
    assert chosen(host, channel="stable") == f"{OURS}/stable"


def test_a_channel_of_another_distribution_or_of_nobody_is_refused(host: Host, tmp_path: Path) -> None:
    follow(host, tmp_path, OTHER, "edge")
    with pytest.raises(click.UsageError, match=f"The recipes are those of {OURS}, and {OTHER}/edge is of another"):
        chosen(host, channel="edge")
    with pytest.raises(SubscriptionError, match="no subscription is called 'stable'"):
        chosen(host, against="stable")
