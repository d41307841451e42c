"""Which channels a host follows, from where, and which of two is meant: by the commands that a user types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.core.names.declared import HostNeeds
from tests.client.distribution import SmallDistribution

if TYPE_CHECKING:
    from collections.abc import Callable

    Farm = Callable[..., subprocess.CompletedProcess[str]]

COMMAND = Path(sys.executable).with_name("farm")
FIRST, SECOND = "dist.example.org/edge", "other.example/edge"


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"})
    distribution.package("say", {"bin/say": "\x7fnot elf"})
    distribution.publish()
    return distribution


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "FARM_STATE": str(tmp_path / "state"),
        "FARM_HOST": str(tmp_path / "host"),
    }

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return run


def subscribe(farm: Farm, distribution: SmallDistribution, *options: str | Path) -> str:
    assert distribution.founded is not None
    pinned = ("--fingerprint", distribution.founded.fingerprint)
    return done(farm("subscribe", distribution.public, "edge", *pinned, *options))


def done(ended: subprocess.CompletedProcess[str], status: int = 0) -> str:
    assert ended.returncode == status, ended.stderr + ended.stdout
    return ended.stdout


def test_a_search_finds_what_has_all_words_in_name_summary_or_version(
    distribution: SmallDistribution, farm: Farm
) -> None:
    subscribe(farm, distribution)
    assert [entry["name"] for entry in json.loads(done(farm("search", "THE gree 1.0", "--json")))] == ["greet"]
    assert [entry["name"] for entry in json.loads(done(farm("search", "the", "--json")))] == ["greet", "say"]
    assert "nothing found" in done(farm("search", "greet say"))
    assert "Did you mean 'remove'?" in farm("uninstall", "greet").stderr


def test_a_package_says_what_it_needs_of_the_host(distribution: SmallDistribution, farm: Farm) -> None:
    distribution.package("traced", {"bin/traced": "x"}, host=HostNeeds("6.2", ("CONFIG_BPF",), ("CAP_BPF",)))
    distribution.publish()
    subscribe(farm, distribution)
    assert "Linux 6.2, CONFIG_BPF, CAP_BPF" in done(farm("info", "traced"))
    assert "\nhost " not in done(farm("info", "greet"))


def test_what_is_followed_is_listed_and_changed(distribution: SmallDistribution, farm: Farm, tmp_path: Path) -> None:
    assert "follows no channel" in done(farm("subscriptions"))
    subscribe(farm, distribution, "--mirror", "https://mirror.example.net/farm")
    (listed,) = json.loads(done(farm("subscriptions", "--json")))
    assert (listed["distribution"], listed["channel"], listed["priority"]) == (*FIRST.split("/"), 0)
    assert listed["address"] == str(distribution.public)
    assert listed["mirrors"] == ["https://mirror.example.net/farm"]
    assert distribution.released is not None
    assert (listed["verified"]["number"], listed["verified"]["release"]) == (1, distribution.released.digest)

    (tmp_path / "disk").mkdir()
    done(farm("subscriptions", "set", FIRST, "--mirror", "disk", "--mirror", "http://b", "--priority", "7"))
    (changed,) = json.loads(done(farm("subscriptions", "--json")))
    assert (changed["mirrors"], changed["priority"]) == ([str(tmp_path / "disk"), "http://b"], 7)
    assert subscribe(farm, distribution)  # again: the settings stay
    heading, line = done(farm("subscriptions")).splitlines()
    assert heading.split() == ["CHANNEL", "RELEASE", "VERIFIED", "PRIORITY", "ROOT", "ADDRESS", "MIRRORS"]
    assert line.split()[0] == FIRST
    assert f"sha256:{listed['fingerprint'][7:19]} " in line
    assert "disk http://b" in line

    assert "no mirrors" in done(farm("subscriptions", "set", FIRST, "--no-mirrors"))
    refused = farm("subscriptions", "set", FIRST, "--mirror", "nowhere")
    assert "'nowhere' is neither an http(s) URL nor a directory" in refused.stderr
    done(farm("subscriptions", "set", FIRST), 2)


def test_a_mirror_on_a_disk_is_followed_without_its_owner(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    subscribe(farm, distribution)
    printed = done(farm("mirror", "disk", "--channel", FIRST, "--without-sources"))
    assert printed.startswith(f"disk: release 1 of {FIRST}, 2 packages\nfetched ")
    assert "; valid until 20" in printed
    again = json.loads(done(farm("mirror", "disk", "--json")))
    assert (again["fetched"], [release["number"] for release in again["releases"]]) == (0, [1])
    assert "neither a release number" in farm("mirror", "disk", "--release", "edge").stderr
    elsewhere = farm("mirror", "distribution")
    done(elsewhere, 1)
    assert "holds something that is not a mirror" in elsewhere.stderr

    done(farm("unsubscribe", FIRST))
    distribution.public.rename(tmp_path / "gone")
    assert distribution.founded is not None
    done(farm("subscribe", "disk", "edge", "--fingerprint", distribution.founded.fingerprint))
    done(farm("install", "--root", "tools", "greet"))
    assert (tmp_path / "tools/usr/bin/greet").exists()


def test_with_several_channels_names_say_which_is_meant(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    other = SmallDistribution(tmp_path / "other", domain="other.example")
    other.package("say", {"bin/say": "\x7fother"})
    other.publish()
    subscribe(farm, distribution)
    subscribe(farm, other)
    assert "dist.example.org/greet" in done(farm("info", "greet"))
    searched = done(farm("search")).splitlines()
    assert [line.split()[:2] for line in searched[1:]] == [[FIRST, "greet"], [FIRST, "say"], [SECOND, "say"]]
    assert [load["distribution"] for load in json.loads(done(farm("search", "say", "--json")))] == [
        "dist.example.org",
        "other.example",
    ]
    refused = farm("install", "--root", "tools", "say")
    done(refused, 1)
    assert "say can be dist.example.org/say or other.example/say" in refused.stderr
    done(farm("install", "--root", "tools", "other.example/say"))
    assert (tmp_path / "tools/usr/bin/say").read_text() == "\x7fother"
    foreign = farm("install", "--root", "tools", "greet")
    done(foreign, 1)
    assert "holds packages of other.example/edge, which has no greet" in foreign.stderr
    done(farm("subscriptions", "set", FIRST, "--priority", "1"))
    assert json.loads(done(farm("lock", "say")))["releases"][0]["distribution"] == "dist.example.org"


def test_a_repository_whose_keys_are_other_ones_is_refused_until_it_is_pinned_anew(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    subscribe(farm, distribution)
    done(farm("install", "--root", "tools", "greet"))
    done(farm("mirror", "disk"))
    mirrored = (tmp_path / "disk/metadata/timestamp.json").read_bytes()
    anew = SmallDistribution(tmp_path / "anew")
    anew.package("greet", {"share/greet": "of a thief, or of an owner who lost all keys"})
    anew.publish()
    distribution.public.rename(tmp_path / "before")
    anew.public.rename(distribution.public)

    for words in (("upgrade", "--root", "tools"), ("mirror", "disk"), ("run", "greet", "--", "greet")):
        refused = farm(*words)
        done(refused, 1)
        assert "is refused at metadata/timestamp.json" in refused.stderr
        assert "its keys are not those of the root that is pinned here" in refused.stderr
        assert "that all keys were replaced: `farm unsubscribe`" in refused.stderr
    assert (tmp_path / "tools/usr/bin/greet").exists()
    assert (tmp_path / "disk/metadata/timestamp.json").read_bytes() == mirrored

    assert anew.founded is not None
    pin = ("subscribe", distribution.public, "edge", "--fingerprint", anew.founded.fingerprint)
    refused = farm(*pin)
    done(refused, 1)
    assert f"{FIRST} is subscribed with another root" in refused.stderr
    assert f"`farm unsubscribe {FIRST}`" in refused.stderr
    done(farm("unsubscribe", FIRST, "--force"))
    assert "release 1" in done(farm(*pin))


def test_a_channel_is_left_when_no_root_is_of_it(distribution: SmallDistribution, farm: Farm, tmp_path: Path) -> None:
    subscribe(farm, distribution)
    done(farm("install", "--root", "tools", "greet"))
    refused = farm("unsubscribe", FIRST)
    done(refused, 1)
    assert f"{FIRST} is in use by {tmp_path}/tools" in refused.stderr
    assert "--force" in refused.stderr
    done(farm("unsubscribe", FIRST, "--force"))
    assert done(farm("subscriptions", "--json")) == "[]\n"
    assert list((tmp_path / "state/subscriptions").iterdir()) == []
    assert (tmp_path / "tools/usr/bin/greet").exists()
    done(farm("remove", "--root", "tools", "greet"))
    subscribe(farm, distribution)
    done(farm("unsubscribe", "dist.example.org/other"), 1)
    done(farm("install", "--root", "tools", "say"))


def test_all_that_a_channel_has_no_more_is_named_with_what_to_do(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    for name in ("lib1", "lib2"):
        distribution.package(name, {f"share/{name}": name})
    distribution.publish()
    subscribe(farm, distribution)
    done(farm("install", "--root", "tools", "greet", "lib1", "lib2"))
    for name in ("lib1", "lib2"):
        del distribution.entries[name]
    distribution.publish()
    for words in (["upgrade", "--root", "tools"], ["install", "--root", "tools", "say"]):
        refused = farm(*words)
        assert refused.returncode == 1
        assert (
            f"release 3 of {FIRST} no longer has what was requested in {tmp_path}/tools: lib1, lib2" in refused.stderr
        )
        assert f"`farm remove --root {tmp_path}/tools lib1 lib2`" in refused.stderr
    done(farm("remove", "--root", tmp_path / "tools", "lib1", "lib2"))
    done(farm("upgrade", "--root", "tools"))


def test_a_pinned_root_that_was_damaged_here_is_told_and_pinned_again(
    distribution: SmallDistribution, farm: Farm, tmp_path: Path
) -> None:
    subscribe(farm, distribution, "--priority", "3")
    pinned = tmp_path / "state/subscriptions" / FIRST / "root.json"
    pinned.write_text("{")
    distribution.publish()
    refused = farm("install", "--root", "tools", "say")
    assert refused.returncode == 1
    assert f"that this host pinned for {FIRST} is damaged: {pinned}" in refused.stderr
    assert distribution.founded is not None
    again = f"farm subscribe {distribution.public} edge --fingerprint {distribution.founded.fingerprint}"
    assert f"`{again}`" in refused.stderr
    done(farm(*again.split()[1:]))
    done(farm("install", "--root", "tools", "say"))
    assert json.loads(done(farm("subscriptions", "--json")))[0]["priority"] == 3
