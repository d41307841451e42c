"""Local builds that take what a channel has published: from the same plan, or, on request, whatever its plan."""

from __future__ import annotations

import json
import tempfile
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from farm.build.attempt.errors import BuildFailedError
from farm.build.local.toolchains import TreeToolchains
from farm.build.local_state import LocalState
from farm.client.gc.collect import collect_garbage
from farm.client.repository import channel_builds
from farm.client.repository.channel_builds import ChannelBuilds
from farm.client.repository.host import Host
from farm.client.repository.progress import NO_PROGRESS
from farm.core.buildlog.error_kind import ErrorKind
from farm.core.policy.tree import load_tree
from farm.core.sets.proof.closure import OpenSetError
from farm.errors import FarmError
from farm.store.blobs import BlobStore
from farm.trust.keys.key_files import load_or_create_key
from tests.build.local_builds import GREET, HELLO, Local, toolchains_host
from tests.client.distribution import SmallDistribution
from tests.client.images import subscribe

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.toolchain

GREETS = ("glibc", "gcc-libs", "greet", "hello")
LEAF = (
    HELLO.replace("name: hello", "name: leaf")
    .replace("hello.c", "leaf.c")
    .replace("o hello", "o leaf")
    .replace("D hello", "D leaf")
    .replace("bin/hello", "bin/leaf")
    .replace("[hello]", "[leaf]")
)


def publish(folder: Path, local: Local, *recipes: str) -> SmallDistribution:
    """Build recipes, and publish them in a channel of their own."""
    distribution = SmallDistribution(folder, builder=load_or_create_key(local.state.key))
    add(distribution, local, *recipes)
    distribution.publish()
    return distribution


def add(distribution: SmallDistribution, local: Local, *recipes: str) -> None:
    builds, tree = local.builds(), load_tree(local.files)
    for recipe in recipes:
        for package in builds.build([recipe]):
            outcome = local.state.outcome(package.descriptor.plan)
            assert outcome is not None
            distribution.add(package, outcome.provenance, tree.recipes[recipe], local.state.store)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> SmallDistribution:
    folder = tmp_path_factory.mktemp("channel")
    return publish(folder / "distribution", Local(LocalState(folder / "state", toolchains_host())), *GREETS)


@pytest.fixture
def fresh(tmp_path: Path, local: Local, channel: SmallDistribution) -> Iterator[Local]:
    """Somebody new: a host without packages, but with the machine's toolchain, that follows the channel."""
    tree = load_tree(local.files)
    toolchain = TreeToolchains(tree, local.state.store, local.state.toolchains, print).ensure("c")
    # On the same disk, so that the toolchain is not copied.
    with tempfile.TemporaryDirectory(prefix="farm-tests-", dir=local.state.host.parent) as folder:
        store = BlobStore(Path(folder) / "blobs")
        for digest in (toolchain.tree, toolchain.archive.digest, *toolchain.debs.values()):
            store.share(local.state.store, digest)
        (Path(folder) / "toolchains").symlink_to(local.state.toolchains)
        new = replace(local, state=LocalState(tmp_path / "new", Path(folder)), seen=[], said=[])
        follow(new, channel)
        yield new


def follow(local: Local, channel: SmallDistribution) -> None:
    host = Host(local.state.root, local.state.host)
    subscribe(host, channel)
    again(local)


def again(local: Local) -> None:
    """Open the channel anew, as the next command does."""
    host = Host(local.state.root, local.state.host)
    local.published = ChannelBuilds(host, host.subscriptions.find("edge"), NO_PROGRESS)


def archives_of(local: Local, channel: SmallDistribution) -> set[str]:
    """The packages of the channel whose archives are on a host."""
    return {name for name, (entry, _) in channel.entries.items() if local.state.store.has(entry.archive.digest)}


def with_leaf(local: Local) -> Local:
    local.files["packages/leaf/recipe.yaml"] = LEAF.encode()
    local.files["packages/leaf/leaf.c"] = local.files["packages/hello/hello.c"]
    return local


def test_the_first_build_of_a_leaf_fetches_what_it_needs_and_no_more(fresh: Local, channel: SmallDistribution) -> None:
    built = with_leaf(fresh).builds().build(["leaf"])
    assert fresh.seen == [("greet", "fetched"), ("leaf", "building"), ("leaf", "built")]
    assert archives_of(fresh, channel) == {"greet"}
    assert "soname:libgreet.so.1" in built[0].descriptor.requires


def test_a_published_build_is_the_build(fresh: Local, local: Local, channel: SmallDistribution) -> None:
    taken = fresh.builds().build(["hello"])
    assert fresh.seen == [("greet", "fetched"), ("hello", "fetched")]
    assert taken == local.builds().build(["hello"])
    assert archives_of(fresh, channel) == {"hello", "hello-debug"}
    assert all(fresh.state.packages.joinpath(package.descriptor.store_path).is_dir() for package in taken)
    record = json.loads((fresh.state.root / "builds" / f"{taken[0].descriptor.plan.hex}.json").read_bytes())
    assert record["release"] == "dist.example.org/edge release 1"


def test_what_was_fetched_is_kept_when_the_channel_is_gone(fresh: Local, channel: SmallDistribution) -> None:
    with_leaf(fresh).builds().build(["leaf"])
    first = fresh.builds().build(["hello"])
    away = channel.public.with_name("away")
    channel.public.rename(away)
    try:
        for published in (fresh.published, None):
            fresh.published = published
            assert fresh.builds().build(["hello"]) == first
            assert fresh.seen == [("greet", "kept"), ("hello", "kept")]
    finally:
        away.rename(channel.public)


def test_what_was_taken_survives_the_removal_of_what_nothing_needs(fresh: Local, channel: SmallDistribution) -> None:
    with_leaf(fresh).builds().build(["leaf"])
    taken = fresh.builds().build(["hello"])
    host = Host(fresh.state.root, fresh.state.host)
    with host.in_use():
        pass  # as `farm build` does, so that the state is known
    assert collect_garbage(host, datetime.now(UTC)).blobs > 0
    fresh.published = None
    assert fresh.builds().build(["hello", "leaf"])[: len(taken)] == taken
    assert {state for _, state in fresh.seen} == {"kept"}


def test_a_plan_is_known_without_archives(fresh: Local, channel: SmallDistribution) -> None:
    plan = fresh.builds().plan("hello")
    assert plan.digest == channel.entries["hello"][1].descriptor.plan
    assert archives_of(fresh, channel) == set()


def test_a_changed_recipe_is_built_and_so_is_what_comes_out_different_by_it(fresh: Local) -> None:
    fresh.files["packages/greet/greet.c"] = b'const char *greet(void) { return "good day"; }\n'
    fresh.builds().build(["hello"])
    assert fresh.seen == [("greet", "building"), ("greet", "built"), ("hello", "building"), ("hello", "built")]
    assert "greet is built: its plan is not that of dist.example.org/edge release 1, by source greet.c" in fresh.said
    reason = (
        "hello is built: its plan is not that of dist.example.org/edge release 1, by dependency dist.example.org/greet"
    )
    assert reason in fresh.said


def test_what_is_above_a_build_with_the_same_result_is_fetched(fresh: Local) -> None:
    fresh.files["packages/greet/greet.c"] += b"/* said more clearly */\n"
    fresh.builds().build(["hello"])
    assert fresh.seen == [("greet", "building"), ("greet", "built"), ("hello", "fetched")]


@pytest.mark.parametrize("damage", ["gone", "other bytes"])
def test_an_archive_that_cannot_be_used_is_built_instead(fresh: Local, channel: SmallDistribution, damage: str) -> None:
    with_leaf(fresh).builds().plan("leaf")  # greet is recorded, without its archive
    archive = channel.blobs.path(channel.entries["greet"][0].archive.digest)
    whole = archive.read_bytes()
    archive.unlink()
    if damage == "other bytes":
        archive.write_bytes(whole[:-1] + b"x")
    again(fresh)
    try:
        fresh.builds().build(["leaf"])
    finally:
        archive.unlink(missing_ok=True)
        archive.write_bytes(whole)
    assert [state for state in fresh.seen if state[1] == "built"] == [("greet", "built"), ("leaf", "built")]
    assert any("It is built instead" in line for line in fresh.said)


def test_an_archive_that_is_gone_with_the_channel_is_built(fresh: Local, channel: SmallDistribution) -> None:
    fresh.builds().plan("hello")
    fresh.published = None
    fresh.builds().build(["hello"])
    assert ("greet", "built") in fresh.seen
    assert archives_of(fresh, channel) == {"greet", "greet-debug", "hello", "hello-debug"}
    assert any(line.endswith("no channel was chosen. It is built instead.") for line in fresh.said)


def test_a_channel_that_cannot_be_read_is_done_without(fresh: Local, channel: SmallDistribution) -> None:
    away = channel.public.with_name("away")
    channel.public.rename(away)
    try:
        fresh.builds().build(["greet"])
    finally:
        away.rename(channel.public)
    assert ("greet", "built") in fresh.seen
    (line,) = [line for line in fresh.said if line.startswith("nothing is taken from dist.example.org/edge: ")]
    assert str(channel.public) in line


@pytest.mark.parametrize("part", ["descriptor", "facts", "manifest", "provenance"])
def test_a_package_that_the_channel_has_broken_is_built_and_all_others_are_fetched(
    fresh: Local, channel: SmallDistribution, part: str
) -> None:
    blob = channel.blobs.path(getattr(channel.entries["hello"][0], part).digest)
    whole = blob.read_bytes()
    blob.unlink()
    blob.write_bytes(whole[:-1] + b"x")
    fresh.state.store.path(getattr(channel.entries["hello"][0], part).digest).unlink(missing_ok=True)
    try:
        fresh.builds().build(["hello"])
    finally:
        blob.unlink()
        blob.write_bytes(whole)
    assert fresh.seen == [("greet", "fetched"), ("hello", "building"), ("hello", "built")]
    (warning,) = [line for line in fresh.said if "cannot be taken" in line]
    assert warning.startswith("hello is built, as it cannot be taken from dist.example.org/edge: ")
    assert not any(line.startswith("nothing is taken") for line in fresh.said)


def test_a_package_that_was_never_fetched_is_named_as_what_provides_a_library(fresh: Local) -> None:
    fresh.files["packages/hello/recipe.yaml"] = fresh.files["packages/hello/recipe.yaml"].replace(
        b"build-needs: [greet]\n", b""
    )
    with pytest.raises(BuildFailedError) as caught:
        fresh.builds().build(["hello"])
    assert caught.value.first_error is not None
    assert (caught.value.first_error.subject, caught.value.first_error.provider) == ("greet", "greet")
    assert "name it in build-needs" in caught.value.remedy


def test_a_package_of_another_name_is_found_by_its_summary_or_if_it_is_known_or_if_the_release_is_small(
    local: Local, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = GREET.replace("A library that greets", "Greet people, with hail")
    other += "".join(f'      install -D /usr/bin/dash "$DESTDIR/usr/bin/{name}"\n' for name in ("hail", "wave"))
    local.files["packages/greet/recipe.yaml"] = other.encode()
    channel = publish(tmp_path / "distribution", local, "glibc", "gcc-libs", "greet")
    new = replace(local, state=LocalState(tmp_path / "new", tmp_path / "host"))
    follow(new, channel)
    assert new.published is not None
    assert new.published.provider_of(ErrorKind.MISSING_PROGRAM, "hail") == "greet"
    again(new)
    with monkeypatch.context() as large:
        large.setattr(channel_builds, "_SMALL", 2)
        assert new.published.provider_of(ErrorKind.MISSING_PROGRAM, "wave") == ""
    assert new.published.provider_of(ErrorKind.MISSING_PROGRAM, "wave") == "greet"
    again(new)
    new.published.prepare(["greet"])
    assert new.published.provider_of(ErrorKind.MISSING_PROGRAM, "wave") == "greet"
    assert archives_of(new, channel) == set()


def test_a_channel_that_does_not_answer_delays_no_error_of_a_build(
    fresh: Local, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, answered = threading.Event(), list[bool]()
    monkeypatch.setattr(channel_builds, "_PATIENCE", 0.2)
    monkeypatch.setattr(channel_builds, "_checked", lambda *_: answered.append(goes_on.wait(60)))
    assert fresh.published is not None
    assert fresh.published.provider_of(ErrorKind.MISSING_LIBRARY, "greet") == ""
    assert answered == []
    goes_on.set()
    for thread in threading.enumerate():
        if thread.name == channel_builds.HINT:
            thread.join(60)


def test_no_channel_is_asked_how_long_builds_take(fresh: Local) -> None:
    fresh.files["packages/greet/greet.c"] = b'const char *greet(void) { return "good day"; }\n'
    fresh.builds().build(["hello"])
    (ahead,) = fresh.ahead
    assert [(build.recipe, build.seconds is None) for build in ahead.builds] == [("greet", True)]


def other_channel(fresh: Local, place: Path, **recipes: str) -> None:
    """Follow a channel whose packages were built with another toolchain than any here, from these recipes."""
    other = SmallDistribution(place / "other")
    for name, text in recipes.items():
        other.package(name, {f"share/{name}": name}, text=text)
    other.publish()
    fresh.state = LocalState(place / "follower", fresh.state.host)
    follow(fresh, other)


def test_another_toolchain_is_said_once(fresh: Local, tmp_path: Path) -> None:
    other_channel(fresh, tmp_path, greet=GREET, hello=HELLO)
    fresh.builds().build(["hello"])
    lines = [line for line in fresh.said if line.startswith("the toolchain c differs from that of")]
    assert len(lines) == 1
    assert [name for name, state in fresh.seen if state == "built"] == ["greet", "hello"]


def test_a_recipe_that_has_changed_its_toolchain_says_nothing_of_the_channels(fresh: Local, tmp_path: Path) -> None:
    full = GREET.replace("toolchain: c\n", "toolchain: full\n")
    other_channel(fresh, tmp_path, greet=full, hello=HELLO)
    fresh.builds().build(["greet"])
    assert not [line for line in fresh.said if "toolchain c" in line or "another toolchain" in line]
    fresh.builds().build(["hello"])
    assert len([line for line in fresh.said if line.startswith("the toolchain c differs from that of")]) == 1


def test_of_a_build_whose_recipe_is_not_published_only_the_digests_of_toolchains_are_said(
    fresh: Local, tmp_path: Path
) -> None:
    other_channel(fresh, tmp_path, greet="", hello="")
    fresh.builds().build(["hello"])
    (line,) = [line for line in fresh.said if "toolchain" in line and "by" not in line]
    assert line.startswith("greet is built here with another toolchain than in dist.example.org/edge release 1: ")


def test_a_build_against_the_newest_packages_takes_them_whatever_their_plans(
    fresh: Local, channel: SmallDistribution
) -> None:
    fresh.files["packages/greet/greet.c"] = b"no C at all"
    builds = fresh.builds(against_newest=True)
    (hello, *_) = builds.build(["hello"])
    assert (builds.against, builds.built_against) == ("dist.example.org/edge release 1", "")
    assert fresh.seen == [
        ("greet", "fetched"),
        ("hello", "fetched"),
    ]  # with these dependencies, it is the published one
    with_leaf(fresh).files["packages/leaf/leaf.c"] += b"/* mine */\n"
    builds = fresh.builds(against_newest=True)
    (leaf, *_) = builds.build(["leaf"])
    assert fresh.seen == [("greet", "fetched"), ("leaf", "building"), ("leaf", "built")]
    assert builds.built_against == "dist.example.org/edge release 1"
    record = json.loads((fresh.state.root / "builds" / f"{leaf.descriptor.plan.hex}.json").read_bytes())
    assert record["against"] == "dist.example.org/edge release 1"
    assert hello.descriptor.digest == channel.entries["hello"][1].descriptor.digest


def test_what_was_built_without_the_channels_packages_is_not_said_to_be_against_it(fresh: Local) -> None:
    with_leaf(fresh).files["packages/leaf/recipe.yaml"] = (
        LEAF.replace("build-needs: [greet]\n", "").replace(" -lgreet", "").encode()
    )
    fresh.files["packages/leaf/leaf.c"] = b"int main(void) { return 0; }\n"
    builds = fresh.builds(against_newest=True)
    (leaf, *_) = builds.build(["leaf"])
    assert ("leaf", "built") in fresh.seen
    assert builds.built_against == ""
    record = json.loads((fresh.state.root / "builds" / f"{leaf.descriptor.plan.hex}.json").read_bytes())
    assert "against" not in record
    # What the channel has published is that also when it is here already.
    for state in ("fetched", "kept"):
        builds = fresh.builds(against_newest=True)
        builds.build(["hello"])
        assert (builds.states["hello"], builds.built_against) == (state, "")


def test_against_a_channel_what_it_lacks_is_built_from_the_tree(fresh: Local) -> None:
    with_leaf(fresh).files["packages/extra/recipe.yaml"] = (
        LEAF.replace("leaf", "extra").replace("[greet]", "[leaf]").encode()
    )
    fresh.files["packages/extra/extra.c"] = b"int main(void) { return 0; }\n"
    fresh.files["packages/extra/recipe.yaml"] = fresh.files["packages/extra/recipe.yaml"].replace(b" -lgreet", b"")
    fresh.builds(against_newest=True).build(["extra"])
    assert [name for name, state in fresh.seen if state == "built"] == ["leaf", "extra"]
    assert ("greet", "fetched") in fresh.seen


def test_a_build_against_a_channel_that_cannot_be_read_is_an_error(fresh: Local, channel: SmallDistribution) -> None:
    away = channel.public.with_name("away")
    channel.public.rename(away)
    try:
        with pytest.raises(FarmError):
            fresh.builds(against_newest=True)
    finally:
        away.rename(channel.public)


def test_tests_run_with_fetched_packages(fresh: Local, channel: SmallDistribution) -> None:
    ((_, name, outcome),) = fresh.builds().test(["hello"])
    assert (name, outcome.passed, outcome.message) == ("it greets", True, "")
    assert {state for _, state in fresh.seen} == {"fetched", "testing"}
    assert archives_of(fresh, channel) == {"glibc", "greet", "hello"}


def test_a_set_that_lacks_something_is_refused_with_the_package_that_provides_it(fresh: Local, tmp_path: Path) -> None:
    other = SmallDistribution(tmp_path / "other")
    other.package("bash", {"bin/sh": "\x7fnot elf"})
    other.publish()
    script = "      printf '#!/usr/bin/sh\\n' >say\n      install -D say \"$DESTDIR/usr/bin/say\"\n"
    fresh.files["packages/greet/recipe.yaml"] = (GREET.rstrip() + "\n" + script).encode()
    with pytest.raises(OpenSetError) as unknown:
        fresh.builds().closure(["greet"])
    assert "provides /usr/bin/sh" not in unknown.value.remedy
    fresh.state = LocalState(tmp_path / "follower", fresh.state.host)
    follow(fresh, other)
    with pytest.raises(OpenSetError) as caught:
        fresh.builds().closure(["greet"])
    assert "requires /usr/bin/sh" in caught.value.message or "is run by /usr/bin/sh" in caught.value.message
    assert caught.value.remedy == "bash provides /usr/bin/sh: name bash too, or in `requires` of the recipe."
