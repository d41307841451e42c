"""Local packages in place of a channel's: the proof's findings are recorded, and everything else holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from farm.cli.set_lines import override_lines
from farm.client.audit.audit import audit_root
from farm.client.findings.policy import RefusedByPolicyError, judge
from farm.client.findings.policy_facts import facts_of_record
from farm.client.findings.policy_in_force import PolicyInForce
from farm.client.override.overrides import BuiltHere, ChannelPackage, Override, OverrideError, Overrides, OverrideScope
from farm.client.override.substitution import overridden
from farm.client.repository.catalogue import BrokenReleaseError
from farm.client.root.generations import Root
from farm.client.root.installation import RootRequest, install_packages
from farm.core.sets.members.set_record import SetRecord
from farm.core.subscriber.policy_file import Policy
from tests.client.distribution import SmallDistribution
from tests.client.images import subscribe
from tests.client.installing import remove, upgrade
from tests.core.advisories.osv_documents import osv
from tests.foreign.neighbours import announce
from tests.refusing import refuses

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from farm.client.root.generation import Generation

HOST, EDGE = OverrideScope(), "dist.example.org/edge"


@pytest.fixture
def subscribed(distribution: SmallDistribution, host: Host) -> Host:
    subscribe(host, distribution)
    return host


@pytest.fixture
def mine(tmp_path: Path) -> SmallDistribution:
    """Packages that were built on this host."""
    return SmallDistribution(tmp_path / "mine")


def built(host: Host, mine: SmallDistribution, name: str, files: dict[str, str], **more: str) -> BuiltHere:
    mine.package(name, files, **more)  # type: ignore[arg-type]
    entry, _ = mine.entries[name]
    for blob in entry.blobs:
        host.blobs.put_bytes(mine.read(blob))
    return BuiltHere(entry, f"/src/my-{name}")


def put(
    host: Host,
    source: BuiltHere | ChannelPackage,
    package: str = "say",
    scope: OverrideScope = HOST,
    why: str = "a patch",
) -> None:
    entry = host.catalogue(EDGE).entry(package)
    label = f"{package} {entry.version}-{entry.revision}"
    replacement: Any = {"built" if isinstance(source, BuiltHere) else "of_channel": source}
    override = Override(package, EDGE, why, label, entry.descriptor.digest, **replacement)
    Overrides(host.state).add(scope, override)


def install(host: Host, root: Path, *names: str) -> Generation:
    return install_packages(host, RootRequest(root, names, channel=EDGE)).after


def test_a_stand_in_is_installed_and_the_generation_says_for_what_and_why(
    subscribed: Host, mine: SmallDistribution, tmp_path: Path
) -> None:
    released = subscribed.catalogue().entry("say").descriptor.digest
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "\x7fpatched"}, version="1.0.1"), why="CVE-2026-1")
    install(subscribed, tmp_path / "root", "greet", "alone")
    (placed,) = Root(tmp_path / "root").installed().set.overrides
    assert (tmp_path / "root" / "usr/bin/say").read_text() == "\x7fpatched"
    assert (placed.name.short, placed.full_version, placed.channel) == ("say", "1.0.1-1", "")
    assert (placed.stands_for, placed.why) == (released, "CVE-2026-1")
    assert placed.broken is not None
    assert (placed.broken.instead_of, placed.broken.dependents, placed.broken.problems) == ("say 1.0-1", ("greet",), ())
    assert override_lines([placed]) == [
        "OVERRIDE: say 1.0.1-1, built here, replaces say 1.0-1: CVE-2026-1",
        "  not guaranteed: all that the release guarantees of say 1.0-1; that it was tested with greet",
        "  proven with it: all that a proof looks at fits together",
    ]


def test_what_breaks_because_of_it_goes_in_and_is_told_each_time(
    subscribed: Host, mine: SmallDistribution, tmp_path: Path
) -> None:
    put(subscribed, built(subscribed, mine, "say", {"share/none": "no program"}))
    state = install(subscribed, tmp_path / "root", "greet")
    (placed,) = state.set.overrides
    assert placed.broken is not None
    (problem,) = placed.broken.problems
    assert problem.startswith("greet 1.0-1: bin/greet is run by /usr/bin/say, which no package of the set provides")
    assert placed.broken.dependents == ("greet",)
    assert f"  proof failed: {problem}" in override_lines(state.set.packages)
    assert SetRecord.from_json(state.set.to_json()) == state.set


def test_what_is_wrong_with_the_release_itself_is_refused_all_the_same(
    distribution: SmallDistribution, subscribed: Host, mine: SmallDistribution, tmp_path: Path
) -> None:
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "patched"}))
    distribution.package("alone", {"etc/say.conf": "mine"})
    distribution.publish(checked=False)
    with pytest.raises(BrokenReleaseError, match=r"both claim /etc/say\.conf"):
        install(subscribed, tmp_path / "root", "greet", "alone")


def test_a_path_that_another_has_cannot_be_accepted(subscribed: Host, mine: SmallDistribution, tmp_path: Path) -> None:
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "x", "bin/greet": "x"}))
    with refuses("override-conflict", match="both claim /usr/bin/greet"):
        install(subscribed, tmp_path / "root", "greet")
    assert Root(tmp_path / "root").current() is None


def test_an_override_of_one_root_is_not_in_another_and_stands_before_the_hosts(
    subscribed: Host, mine: SmallDistribution, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "of one"}), scope=OverrideScope.of("root", one))
    assert install(subscribed, other, "say").set.overrides == ()
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "of all"}, version="3"))
    install(subscribed, one, "say")
    install(subscribed, other, "say")
    assert [(root / "usr/bin/say").read_text() for root in (one, other)] == ["of one", "of all"]


def test_an_upgrade_keeps_it_and_says_that_the_channel_has_another_by_now(
    distribution: SmallDistribution, subscribed: Host, mine: SmallDistribution, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "mine"}, version="1.0.1"))
    install(subscribed, root, "greet")
    distribution.package("say", {"bin/say": "newer"}, version="2.0")
    distribution.publish()
    (placed,) = upgrade(subscribed, root).set.overrides
    assert (root / "usr/bin/say").read_text() == "mine"
    assert override_lines([placed])[-1] == "  it was made for say 1.0-1; the channel now has say 2.0-1"


def test_taking_it_away_brings_the_channels_own_back(subscribed: Host, mine: SmallDistribution, tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "mine"}))
    install(subscribed, root, "greet")
    Overrides(subscribed.state).remove(OverrideScope(), "say")
    assert install(subscribed, root, "greet").set.overrides == ()
    with pytest.raises(OverrideError, match="there is no override of say"):
        Overrides(subscribed.state).remove(OverrideScope(), "say")


def test_removing_another_package_leaves_it_where_it_is_although_the_proof_fails(
    subscribed: Host, mine: SmallDistribution, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    put(subscribed, built(subscribed, mine, "say", {"share/none": "no program"}))
    install(subscribed, root, "greet", "say", "alone")
    left = remove(subscribed, root, "alone").set
    assert [package.name.short for package in left.packages] == ["greet", "say"]
    assert len(left.overrides) == 1


def test_a_package_of_another_channel_is_verified_as_of_that_one(subscribed: Host, tmp_path: Path) -> None:
    ours = SmallDistribution(tmp_path / "ours", domain="ours.example.org")
    ours.package("say", {"bin/say": "ours"}, version="9")
    ours.publish()
    subscribe(subscribed, ours)
    put(subscribed, ChannelPackage("ours.example.org/edge", "say"))
    (placed,) = install(subscribed, tmp_path / "root", "greet").set.overrides
    assert (str(placed.name), placed.channel) == ("ours.example.org/say", "ours.example.org/edge")
    assert override_lines([placed])[0] == "OVERRIDE: say 9-1, of ours.example.org/edge, replaces say 1.0-1: a patch"
    root = tmp_path / "root"
    assert remove(subscribed, root, "greet").set.packages == ()


def test_no_number_clears_a_local_build_of_what_its_distribution_has_advisories_about(
    distribution: SmallDistribution, subscribed: Host, mine: SmallDistribution, tmp_path: Path
) -> None:
    announce(distribution, osv(package="say", fixed="1.0-3"))
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "unpatched"}, revision=4))  # type: ignore[arg-type]
    state = install(subscribed, tmp_path / "root", "greet")
    audit = audit_root(subscribed, tmp_path / "root")
    assert audit.not_covered == ("dist.example.org/say 1.0-4 (override: a patch)",)
    assert not audit.is_whole
    policy = Policy(maximum_severity="high")
    (after,) = judge(policy, facts_of_record(policy, subscribed, state.set, {}))
    assert (after.rule, after.packages) == ("maximum-severity", ("dist.example.org/say",))
    catalogue = overridden(subscribed, subscribed.catalogue(EDGE))
    with pytest.raises(RefusedByPolicyError, match=r"are published about dist[.]example[.]org/say") as before:
        PolicyInForce(max_severity="high").check(subscribed, catalogue, catalogue.verified(["greet"]))
    assert "`farm override remove`, for say" in before.value.remedy


def test_what_another_channel_brought_is_judged_by_the_advisories_of_that_one(
    distribution: SmallDistribution, subscribed: Host, tmp_path: Path
) -> None:
    announce(distribution, osv(package="say", fixed=""))
    ours = SmallDistribution(tmp_path / "ours", domain="ours.example.org")
    ours.package("say", {"bin/say": "ours"}, version="9")
    ours.publish()
    announce(ours)
    subscribe(subscribed, ours)
    put(subscribed, ChannelPackage("ours.example.org/edge", "say"))
    catalogue = overridden(subscribed, subscribed.catalogue(EDGE))
    packages = catalogue.verified(["greet"])
    install(subscribed, tmp_path / "root", "greet")
    PolicyInForce(max_severity="high").check(subscribed, catalogue, packages)
    assert audit_root(subscribed, tmp_path / "root").exposed == ()
    affected = [{"package": {"ecosystem": "ours.example.org", "name": "say"}, "versions": ["9-1"]}]
    announce(ours, osv(affected=affected))
    (found,) = audit_root(subscribed, tmp_path / "root").exposed
    assert found.label == "say 9-1"
    with pytest.raises(RefusedByPolicyError, match="say 9-1 has EXAMPLE-2026-1"):
        PolicyInForce(max_severity="high").check(subscribed, catalogue, packages)


def test_packages_that_linked_the_channels_code_in_are_named(
    distribution: SmallDistribution, subscribed: Host, mine: SmallDistribution, tmp_path: Path
) -> None:
    distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"}, version="2.0", linked=("say",))
    distribution.publish()
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "mine"}))
    (placed,) = install(subscribed, tmp_path / "root", "greet").set.overrides
    assert placed.broken is not None
    assert placed.broken.copies == ("greet",)


def test_what_it_needs_comes_from_the_release(subscribed: Host, mine: SmallDistribution, tmp_path: Path) -> None:
    source = built(subscribed, mine, "alone", {"share/alone/file": "#!/usr/bin/say\n"})
    needing = BuiltHere(
        type(source.entry).from_dict({**source.entry.to_dict(), "needs": ["say", "unheard-of"]}), source.place
    )
    put(subscribed, needing, "alone")
    state = install(subscribed, tmp_path / "root", "alone")
    assert [package.name.short for package in state.set.packages] == ["alone", "say"]


def test_a_build_that_was_lost_is_told_with_how_to_have_it_again(
    subscribed: Host, mine: SmallDistribution, tmp_path: Path
) -> None:
    source = built(subscribed, mine, "say", {"bin/say": "mine"})
    put(subscribed, source)
    subscribed.blobs.delete(source.entry.facts.digest)
    with pytest.raises(OverrideError) as caught:
        install(subscribed, tmp_path / "root", "greet")
    assert caught.value.remedy == "Add it again: `farm override add say=/src/my-say`."


def test_a_damaged_record_stops_everything_instead_of_taking_overrides_out(subscribed: Host, tmp_path: Path) -> None:
    (subscribed.state / "overrides").mkdir()
    (subscribed.state / "overrides" / "host.json").write_text(json.dumps({"format": 1}))
    with pytest.raises(OverrideError, match="is not a valid record of overrides"):
        install(subscribed, tmp_path / "root", "greet")


def test_a_record_is_read_as_it_was_written(subscribed: Host, mine: SmallDistribution, tmp_path: Path) -> None:
    put(subscribed, built(subscribed, mine, "say", {"bin/say": "mine"}), scope=OverrideScope.of("root", tmp_path))
    put(subscribed, ChannelPackage("ours.example.org/edge", "alone"), "alone")
    overrides = Overrides(subscribed.state)
    assert [(str(scope), override.package) for scope, override in overrides.all()] == [
        ("this host", "alone"),
        (str(tmp_path.resolve()), "say"),
    ]
    assert all(
        Override.from_dict(json.loads(json.dumps(override.to_dict()))) == override for _, override in overrides.all()
    )
