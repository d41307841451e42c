"""Several channels: a name in one channel is from there, one in several goes by priority alone, and none moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.client.repository.choosing import ChoiceError
from farm.client.repository.host import Host
from farm.client.repository.offline import last_with
from farm.client.repository.subscriptions import SubscriptionError
from farm.client.root.generations import Root
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.untrusted_metadata import UntrustedMetadataError
from tests.client.distribution import SmallDistribution
from tests.client.installing import install, upgrade

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIRST, SECOND = "dist.example.org", "other.example"


class Following:
    """A host that follows two distributions: both have `say`, the first `greet`, the second `sing`."""

    def __init__(self, folder: Path) -> None:
        self.first = SmallDistribution(folder / "first", domain=FIRST)
        self.second = SmallDistribution(folder / "second", domain=SECOND)
        self.host = Host(folder / "state", folder / "shared")
        self.root = Root(folder / "root")
        for distribution, own in ((self.first, "greet"), (self.second, "sing")):
            distribution.package("say", {"bin/say": "\x7fnot elf", "share/say/of": f"{distribution.domain}\n"})
            distribution.package(own, {f"bin/{own}": "#!/usr/bin/say\n"})
            distribution.publish()
            assert distribution.founded is not None
            self.host.subscriptions.subscribe(str(distribution.public), "edge", distribution.founded.fingerprint)

    def owner_of(self, *names: str, channel: str = "") -> str:
        return self.host.catalogue_of(names, channel).release.distribution

    def prefer(self, distribution: str, priority: int = 1) -> None:
        subscriptions = self.host.subscriptions
        subscriptions.change(subscriptions.find(f"{distribution}/edge"), priority=priority)

    def install(self, *names: str, channel: str = "") -> None:
        install(self.host, self.root.path, *names, channel=channel)

    def upgrade(self) -> None:
        upgrade(self.host, self.root.path)

    def installed(self) -> str:
        return (self.root.path / "usr/share/say/of").read_text().strip()


@pytest.fixture
def following(tmp_path: Path) -> Following:
    return Following(tmp_path)


def refused(act: Callable[[], object], kind: type[Exception], match: str) -> str:
    with pytest.raises(kind, match=match) as caught:
        act()
    return str(getattr(caught.value, "remedy", ""))


def test_a_name_that_one_channel_has_needs_no_channel(following: Following) -> None:
    assert following.owner_of("greet") == FIRST
    assert following.owner_of("sing") == SECOND
    assert following.owner_of("say", channel=f"{SECOND}/edge") == SECOND


def test_a_name_that_both_have_is_told_by_its_full_names(following: Following) -> None:
    remedy = refused(lambda: following.owner_of("say"), ChoiceError, f"^say can be {FIRST}/say or {SECOND}/say$")
    assert "farm subscriptions set dist.example.org/edge --priority 1" in remedy
    assert following.owner_of(f"{SECOND}/say") == SECOND
    assert [package.name for package in following.host.catalogue_of([f"{SECOND}/say"]).verified([f"{SECOND}/say"])] == [
        "say"
    ]


def test_priority_decides_and_nothing_else(following: Following) -> None:
    following.prefer(SECOND)
    assert following.owner_of("say") == SECOND
    assert following.owner_of("greet") == FIRST
    following.prefer(FIRST, 2)
    assert following.owner_of("say", "greet") == FIRST
    assert following.owner_of(f"{SECOND}/say") == SECOND
    following.prefer(SECOND, 2)
    refused(lambda: following.owner_of("say"), ChoiceError, "say can be")


def test_a_name_does_not_become_another_s_because_that_one_publishes_it(following: Following) -> None:
    following.prefer(SECOND)
    assert following.owner_of("greet") == FIRST
    following.second.package("greet", {"share/greet": "of somebody else"})
    following.second.publish()
    match = f"greet meant {FIRST}/greet on this host, and would now mean {SECOND}/greet"
    remedy = refused(lambda: following.owner_of("greet"), ChoiceError, match)
    assert f"`farm subscriptions set {SECOND}/edge --priority 1`" in remedy
    assert following.owner_of(f"{FIRST}/greet") == FIRST
    following.prefer(SECOND)
    assert following.owner_of("greet") == SECOND


def test_nor_when_its_own_channel_gives_it_up_or_another_one_is_followed_later(tmp_path: Path) -> None:
    following = Following(tmp_path)
    subscriptions = following.host.subscriptions
    second = subscriptions.find(f"{SECOND}/edge")
    subscriptions.unsubscribe(second)
    assert following.owner_of("say") == FIRST
    subscriptions.subscribe(second.address, "edge", Digest(second.fingerprint))
    following.first.entries.pop("greet")
    following.first.entries.pop("say")
    following.first.package("rest", {"share/rest": "x"})
    following.first.publish()
    refused(lambda: following.owner_of("say"), ChoiceError, f"say meant {FIRST}/say on this host")
    subscriptions.unsubscribe(subscriptions.find(f"{FIRST}/edge"))
    assert following.owner_of("say") == SECOND


def test_one_set_is_of_one_channel(following: Following) -> None:
    origins = f"greet comes from {FIRST}/edge, sing comes from {SECOND}/edge"
    match = f"all packages of a set must come from one channel, but {origins}"
    refused(lambda: following.owner_of("greet", "sing"), ChoiceError, match)


def test_a_name_that_nobody_has_is_answered_with_the_nearest_of_all(following: Following) -> None:
    remedy = refused(lambda: following.owner_of("sin"), ChoiceError, "no channel that this host follows has a package")
    assert remedy == "Did you mean sing?"


def test_a_channel_that_cannot_be_asked_may_have_it_too(following: Following) -> None:
    following.owner_of("greet")
    following.second.public.rename(following.second.public.with_name("away"))
    remedy = refused(
        lambda: following.owner_of("greet"),
        UntrustedMetadataError,
        f"whether greet is of {SECOND}/edge cannot be known",
    )
    assert "--channel" in remedy
    assert following.owner_of("greet", channel=f"{FIRST}/edge") == FIRST
    following.prefer(FIRST)
    assert following.owner_of("greet") == FIRST


def test_what_was_verified_last_is_chosen_in_the_same_way(following: Following) -> None:
    following.owner_of("greet")
    for distribution in (following.first, following.second):
        distribution.public.rename(distribution.public.with_name("away"))
    assert last_with(following.host, ["greet"]).catalogue.release.distribution == FIRST
    refused(lambda: last_with(following.host, ["say"]), ChoiceError, "say can be")


def test_a_root_keeps_the_distribution_of_its_packages(following: Following) -> None:
    following.install(f"{FIRST}/say")
    following.prefer(SECOND)
    following.second.package("say", {"bin/say": "\x7f", "share/say/of": "the second\n"}, version="9.0")
    following.second.publish()
    following.upgrade()
    assert following.installed() == FIRST
    following.install("greet", "say")
    assert following.installed() == FIRST

    remedy = refused(lambda: following.install("sing"), FarmError, f"has no sing; {SECOND}/sing is of another")
    assert f"farm install --root DIR {SECOND}/sing" in remedy
    refused(lambda: following.install(f"{SECOND}/say"), FarmError, f"has no {SECOND}/say; {SECOND}/say is of")
    refused(lambda: following.install("neither"), Exception, "has no package neither")


def test_a_name_that_its_owner_gave_up_does_not_become_another_s(following: Following) -> None:
    following.install("greet", f"{FIRST}/say")
    for name in ("greet", "say"):
        following.first.entries.pop(name)
    following.first.package("rest", {"share/rest": "x"})
    following.first.publish()
    remedy = refused(following.upgrade, FarmError, f"holds {FIRST}/say, which {FIRST}/edge no longer has; ")
    assert f"`farm remove --root {following.root.path} say`" in remedy
    assert f"`farm install --root DIR {SECOND}/say`" in remedy
    assert following.installed() == FIRST


def test_a_root_of_a_channel_that_is_followed_no_more_is_left_alone(following: Following) -> None:
    following.install("greet")
    subscriptions = following.host.subscriptions
    subscriptions.unsubscribe(subscriptions.find(f"{FIRST}/edge"))
    refused(following.upgrade, SubscriptionError, f"no subscription is called '{FIRST}/edge'")
    assert following.installed() == FIRST


def test_what_looks_at_a_channel_without_naming_it_looks_at_that_of_the_highest_priority(following: Following) -> None:
    with pytest.raises(SubscriptionError, match="several subscriptions match") as caught:
        following.host.catalogue()
    assert "Or for good: `farm subscriptions set dist.example.org/edge --priority 1`." in caught.value.remedy
    following.prefer(SECOND)
    assert following.host.catalogue().release.distribution == SECOND
