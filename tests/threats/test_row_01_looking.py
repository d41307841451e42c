"""Row 1, for read-only commands: installed files can be checked without the repository, and after all has expired."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from farm.client.root.generations import Root
from farm.core.plan.sbom import PACKAGE, namespace_of
from tests.core.advisories.osv_documents import osv
from tests.foreign.neighbours import announce, review
from tests.threats.simulator import needs_faketime

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.threats.simulator import Simulator, Subscriber

pytestmark = needs_faketime


@pytest.fixture
def subscriber(simulator: Simulator) -> Subscriber:
    """A subscriber who has installed `greet` and an image of it, and has fetched advisories once."""
    distribution = simulator.distribution
    simulator.release("1.5")
    for name, (entry, member) in distribution.entries.items():
        document = {
            "documentNamespace": namespace_of(distribution.domain, entry.descriptor.digest),
            "packages": [{"SPDXID": PACKAGE, "licenseDeclared": "MIT"}],
        }
        distribution.entries[name] = replace(entry, sbom=distribution.keep(json.dumps(document).encode())), member
    simulator.releases.append(distribution.publish())
    announce(distribution, osv(package="nothing"))
    review(distribution, "greet", "say")
    found = simulator.subscriber(address=str(simulator.public))
    done(found.command("install", "greet", "--root", str(found.root)))
    done(found.command("image", "build", "greet", "--tag", "greet:1", "--no-load"))
    done(found.command("audit", "--root", str(found.root)))
    return found


def done(ended: subprocess.CompletedProcess[str], status: int = 0) -> subprocess.CompletedProcess[str]:
    assert ended.returncode == status, ended.stderr + ended.stdout
    return ended


def looks(root: Path) -> dict[str, tuple[str, ...]]:
    return {
        "verify": ("verify", "--root", str(root)),
        "verify image": ("verify", "greet:1"),
        "provenance": ("provenance", "greet", "--root", str(root)),
        "provenance of a file": ("provenance", f"{root}/usr/bin/greet"),
        "provenance of an image": ("provenance", "greet", "--image", "greet:1"),
        "sbom": ("sbom", "greet"),
        "info": ("info", "greet"),
        "list": ("list", "--root", str(root)),
    }


def test_what_is_installed_is_looked_at_without_its_repository(simulator: Simulator, subscriber: Subscriber) -> None:
    simulator.public.rename(simulator.public.with_name("away"))
    for verb, words in looks(subscriber.root).items():
        ended = done(subscriber.command(*words))
        notice = f"using release {simulator.releases[-1].number} of dist.example.org/edge, verified last at 20"
        assert (notice in ended.stderr) == (verb != "list"), verb
        assert "expired" not in ended.stderr
    form = printed_json(subscriber, "verify", "--root", str(subscriber.root))
    assert form["faults"] == []
    (last,) = form["last-verified"]
    assert (last["channel"], last["release"]) == ("dist.example.org/edge", simulator.releases[-1].number)
    assert last["expired-since"] is None
    assert printed_json(subscriber, "provenance", "greet", "--root", str(subscriber.root))["last-verified"] == [last]
    assert printed_json(subscriber, "info", "greet")["last-verified"] == [last]
    # Its list of advisories is still valid: it is known that there is none.
    ended = done(subscriber.command("audit", "--root", str(subscriber.root)))
    assert "no advisory applies" in ended.stdout
    form = printed_json(subscriber, "audit", "--root", str(subscriber.root), flag=("--format", "json"))
    assert form["last-verified"] == [last]
    done(subscriber.command("upgrade", "--root", str(subscriber.root)), 1)


def test_what_is_altered_is_found_without_its_repository(simulator: Simulator, subscriber: Subscriber) -> None:
    simulator.public.rename(simulator.public.with_name("away"))
    inside = (subscriber.root / "usr/bin/greet").resolve()
    inside.chmod(0o755)
    inside.write_text("altered")
    ended = done(subscriber.command("verify", "--root", str(subscriber.root)), 3)
    assert "altered dist.example.org/greet" in ended.stdout


def test_after_expiry_it_is_looked_at_with_its_age_and_nothing_new_is_taken(
    simulator: Simulator, subscriber: Subscriber
) -> None:
    before = subscriber.installed()
    for verb, words in looks(subscriber.root).items():
        ended = done(subscriber.command(*words, clock="+2d"))
        assert ("its metadata expired at 20" in ended.stderr) == (verb != "list"), verb
    form = printed_json(subscriber, "verify", "--root", str(subscriber.root), clock="+2d")
    assert form["last-verified"][0]["expired-since"] is not None
    # Advisories may be missing: finding none is no longer an all-clear.
    ended = done(subscriber.command("audit", "--root", str(subscriber.root), clock="+2d"), 1)
    assert "no advisory applies" in ended.stdout
    assert "its metadata expired at" in ended.stderr
    simulator.release("3.0")
    for words in (("upgrade",), ("install", "alone")):
        refused = done(subscriber.command(*words, "--root", str(subscriber.root), clock="+20d"), 1)
        assert "expired since" in refused.stderr
    done(subscriber.command("image", "update", "greet:1", "say", "--no-load", clock="+20d"), 1)
    assert subscriber.installed() == before


def test_what_was_never_fetched_is_named(simulator: Simulator) -> None:
    """This host has never fetched `greet`."""
    subscriber = simulator.subscriber(address=str(simulator.public))
    done(subscriber.command("install", "alone", "--root", str(subscriber.root)))
    simulator.public.rename(simulator.public.with_name("away"))
    ended = done(subscriber.command("info", "greet"), 1)
    assert "this host does not have all of " in ended.stderr
    assert "Ask again while the repository can be reached." in ended.stderr


@pytest.mark.parametrize("verb", ["install", "upgrade"])
def test_what_is_installed_is_audited_without_its_repository_though_it_never_was_before(
    simulator: Simulator, verb: str
) -> None:
    subscriber = simulator.subscriber(address=str(simulator.public))
    if verb == "upgrade":
        done(subscriber.command("install", "greet", "--root", str(subscriber.root)))
        simulator.release("1.5")
    announce(simulator.distribution, osv(package="greet"), osv(package="nothing", id="EXAMPLE-2026-2"))
    done(subscriber.command(*(verb, *(("greet",) if verb == "install" else ())), "--root", str(subscriber.root)))
    simulator.public.rename(simulator.public.with_name("away"))
    ended = done(subscriber.command("audit", "--root", str(subscriber.root)), 3)
    assert "1 advisory applies" in ended.stdout
    assert "using release" in ended.stderr


@pytest.mark.parametrize("wrong", ["nobody publishes any", "they are not what was signed", "they cannot be written"])
def test_what_cannot_be_known_about_advisories_stops_no_installation(simulator: Simulator, wrong: str) -> None:
    subscriber = simulator.subscriber(address=str(simulator.public))
    said, status = "the list of advisories of dist.example.org is missing", 1
    if wrong == "nobody publishes any":
        said, status = "dist.example.org publishes no advisories", 4
    else:
        announce(simulator.distribution, osv(package="greet"))
    if wrong == "they are not what was signed":
        for path in (simulator.public / "targets" / "advisories").iterdir():
            path.write_bytes(b"something else")
    if wrong == "they cannot be written":  # as on a full disk
        subscriptions = subscriber.host.subscriptions
        (subscriptions.metadata_folder(subscriptions.find("")) / "advisories.json" / "in the way").mkdir(parents=True)
    done(subscriber.command("install", "greet", "--root", str(subscriber.root)))
    simulator.public.rename(simulator.public.with_name("away"))
    ended = done(subscriber.command("audit", "--root", str(subscriber.root)), status)
    assert said in ended.stdout + ended.stderr


def test_what_is_installed_is_looked_at_though_a_newer_release_was_seen(
    simulator: Simulator, subscriber: Subscriber
) -> None:
    """Of the newer release this host has only the name: the installed state is judged by the release it came from."""
    installed = simulator.releases[-1].number
    for version in ("3.0", "3.1"):
        simulator.release(version)
        done(subscriber.command("search", "say"))
    simulator.public.rename(simulator.public.with_name("away"))
    root = ("--root", str(subscriber.root))
    ended = done(subscriber.command("sbom", "say"))
    say = Root(subscriber.root).installed().set.package("say")
    assert say is not None
    assert say.descriptor is not None
    assert json.loads(ended.stdout)["documentNamespace"] == namespace_of("dist.example.org", say.descriptor)
    assert f"using release {installed} of dist.example.org/edge, verified last at 20" in ended.stderr
    assert f"release {installed + 2} is newer, but less of it is on this host" in ended.stderr
    assert done(subscriber.command("sbom", "say", *root)).stdout == ended.stdout
    assert f"release {installed} of" in done(subscriber.command("info", "say")).stderr
    form = printed_json(subscriber, "info", "say")
    assert (form["last-verified"][0]["release"], form["last-verified"][0]["newer"]) == (installed, installed + 2)
    assert form["entry"]["version"] == "1.5"
    for words in looks(subscriber.root).values():
        done(subscriber.command(*words))
    ended = done(subscriber.command("audit", *root))
    assert "no advisory applies" in ended.stdout
    # A package that never existed is reported as such.
    assert "no package nothing-like-that" in done(subscriber.command("sbom", "nothing-like-that", *root), 1).stderr


def test_a_forged_signature_is_no_lack_of_news(simulator: Simulator, subscriber: Subscriber) -> None:
    path = simulator.public / "metadata" / "timestamp.json"
    content = json.loads(path.read_bytes())
    content["signed"]["version"] += 7
    path.write_text(json.dumps(content))
    ended = done(subscriber.command("verify", "--root", str(subscriber.root)), 1)
    assert "judged by" not in ended.stderr


def printed_json(subscriber: Subscriber, *words: str, clock: str = "+0d", flag: tuple[str, ...] = ("--json",)) -> Any:
    return json.loads(done(subscriber.command(*words, *flag, clock=clock)).stdout)
