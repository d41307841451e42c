"""A subscriber's local files: the state directory, what its hosts share, and a root."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.build.local_state import LocalState
from farm.client.audit.audit import audit_channel, audit_root
from farm.client.audit.trace import Tracing
from farm.client.audit.verification_root import verify_root
from farm.client.gc.references import ran, referred
from farm.client.image.records import ImageRecords
from farm.client.override.overrides import BuiltHere, ChannelPackage, Override, Overrides, OverrideScope
from farm.client.override.packed_packages import OwnPackages
from farm.client.repository.known_names import KnownNames
from farm.client.repository.read_only_host import ReadOnlyHost
from farm.client.root.generations import Root
from farm.client.root.installation import roll_back
from farm.client.root.installed_set import InstalledSet
from farm.client.root.lock_file import lock_generation, locked_packages, read_lock, write_lock
from farm.client.run.prepared_run import start_again
from farm.client.run.record import append_run, run_form
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.plan.job import BuildOutcome
from farm.core.subscriber.policy_file import Policy, read_policy
from farm.store.known_places import KnownPlaces
from farm.trust.verification.last_verified import read_last_verified
from farm.trust.verification.seen_releases import read_seen, remember_release
from farm.trust.verification.stored_metadata import KeptMetadata
from tests.client.installing import install, remove
from tests.formats import kept
from tests.formats.reading.documents import KINDS

if TYPE_CHECKING:
    from farm.client.repository.host import Host

EDGE = "dist.example.org/edge"
_OUTCOME = KINDS["build-outcome"]
FILES = {
    "state/subscriptions/*/*/subscription.json": "subscription",
    "state/images/*.json": "image-record",
    "root/.farm/generations/*/generation.json": "generation",
    "local/builds/*.json": "build-outcome",
}
"""The kind of document of each file of a home."""


def furnish(host: Host, home: Path, built: Digest) -> None:
    """Do everything that leaves a record in a home. `built` is a plan that was carried out here."""
    root = Root(home / "root")
    catalogue = host.catalogue(EDGE)
    for subscription in host.subscriptions.all():
        audit_channel(host, str(subscription))
    for names in (["jq"], ["web", "jq-doc"]):
        install(host, root.path, *names, channel=EDGE)
    remove(host, root.path, "jq-doc")
    roll_back(root, 2)
    (home / "farm.lock").write_text(write_lock(lock_generation(root.installed())))
    host.subscriptions.names.remember({"jq": "dist.example.org", "say": "other.example"})
    entry = catalogue.entry("jq")
    overrides = Overrides(host.state)
    overrides.add(
        OverrideScope(),
        Override("jq", EDGE, "a patch", "jq 1.0-1", entry.descriptor.digest, BuiltHere(entry, "/home/me/jq")),
    )
    other = Override(
        "zlib",
        EDGE,
        "theirs",
        "zlib 1.0-1",
        entry.descriptor.digest,
        of_channel=ChannelPackage("other.example/edge", "zlib"),
    )
    overrides.add(OverrideScope("root", "/srv/root"), other)
    OwnPackages(host).keep(PackageName("mine.example.org", "app"), BuiltHere(entry, "/home/me/app"))
    record = root.installed().set
    append_run(
        str(host.state), "2026-01-02T03:30:00+00:00", run_form(record, home / "links" / "abc"), "jq", "bubblewrap"
    )
    line = json.loads((host.state / "runs.jsonl").read_bytes())
    assert line["process"].keys() == {"pid", "boot", "started"}
    line["process"] = {"pid": 4000000, "boot": "a boot of before", "started": 1}
    (host.state / "runs.jsonl").write_text(json.dumps(line) + "\n")
    (host.state / "policy.yaml").write_text(
        "maximum-severity: high\ncapabilities: []\nchannels: [dist.example.org/edge]\nminimum-attestations: 2\noverrides: forbidden\nreviewed-within: 30d\n"
    )
    LocalState(home / "local", home / "shared").record(built, _OUTCOME.read(kept.document("build-outcome/full")))


def home_view(home: Path) -> Any:
    """Return a home's content as JSON values, without any server; its own path is HOME there."""
    return json.loads(json.dumps(_view(home)).replace(str(home), "HOME"))


def _view(home: Path) -> dict[str, Any]:
    host = ReadOnlyHost(home / "state", home / "shared")
    state, root = home / "state", Root(home / "root")
    local, (plan,) = LocalState(home / "local", home / "shared"), (home / "local/builds").iterdir()
    record = root.installed().set
    now = datetime(2026, 1, 5, tzinfo=UTC)
    return {
        "subscriptions": [
            [str(subscription), subscription.fingerprint, subscription.priority, len(subscription.mirrors)]
            for subscription in host.subscriptions.all()
        ],
        "names": [KnownNames(state).owner(name) for name in ("jq", "say", "unknown")],
        "roots": [str(place) for place in KnownPlaces(state / "roots").all()],
        "states": [str(place) for place in KnownPlaces(home / "shared" / "states").all()],
        "metadata": {str(subscription): _metadata(host, subscription) for subscription in host.subscriptions.all()},
        "root": _root(root),
        "described": [
            [descriptor.digest, descriptor.store_path] for descriptor, _ in InstalledSet(host, record).described()
        ],
        "lock": KINDS["set"].says(read_lock(home / "farm.lock")),
        "images": [KINDS["image-record"].says(image) for image in ImageRecords(state).all()],
        "overrides": {
            str(scope): [KINDS["override"].says(override) for override in Overrides(state).of(scope)]
            for scope in (OverrideScope(), OverrideScope("root", "/srv/root"))
        },
        "packed": {name: [package.place, package.entry.name] for name, package in OwnPackages(host).all().items()},
        "ran": sorted(ran(host, now)),
        "referred": sorted(referred(host, now) - set(record.asked)),
        "audit": audit_root(host, home / "root").to_dict(),
        "traced": Tracing(host).of_set(record, "jq", "the root").to_dict(),
        "policy": _policy(read_policy((state / "policy.yaml").read_bytes(), "policy.yaml")),
        "built": KINDS["build-outcome"].says(BuildOutcome.from_dict(json.loads(plan.read_bytes()))),
        "built-is-there": local.outcome(Digest.from_hex(plan.name.removesuffix(".json"))) is None,
    }


def verified_root(host: Host, home: Path) -> list[list[str]]:
    """Return what is wrong with a root, and with its lock file, while its channels are reachable."""
    faults = [[fault.of, fault.path, fault.what] for fault in verify_root(host, home / "root").faults]
    locked = locked_packages(host, read_lock(home / "farm.lock"))
    return [*faults, *([package.name, "", "locked"] for package in locked)]


def start(home: Path, key: str, words: list[str]) -> int | None:
    """Start a run that was prepared, if it is still valid."""
    return start_again(str(home / "state"), str(home / "shared"), key, words)


def _metadata(host: Host, subscription: Any) -> dict[str, Any]:
    folder = host.subscriptions.metadata_folder(subscription)
    verified, look = KeptMetadata(folder), read_last_verified(str(folder), subscription.channel)
    release, builders = verified.last(subscription.channel)
    assert look
    return {
        "release": [release.number, release.digest],
        "builders": sorted(builders),
        "advisories": {name: Digest.of(content) for name, content in verified.advisories().items()},
        "seen": read_seen(folder / "seen", subscription.channel).digest,
        "look": [look.release, look.builders, look.root, look.since, look.ends, Digest.of(look.timestamp.encode())],
        "roots": sorted(host.subscriptions.roots_of(subscription)),
        "pinned": Digest.of(host.subscriptions.pinned_root(subscription)),
    }


def _root(root: Root) -> Any:
    return {
        "now": root.installed().number,
        "generations": [KINDS["generation"].says(generation) for generation in root.generations()],
    }


def _policy(policy: Policy) -> list[Any]:
    within = policy.reviewed_within
    return [
        policy.maximum_severity,
        policy.minimum_attestations,
        within and within.total_seconds(),
        policy.channels and sorted(policy.channels),
        policy.capabilities is None or sorted(policy.capabilities),
        policy.overrides,
    ]


REWRITTEN = (
    "state/names.json",
    "state/overrides/host.json",
    "state/packed/mine.example.org/app.json",
    "farm.lock",
    "state/runs.jsonl",
    "state/subscriptions/dist.example.org/edge/metadata/seen/edge.json",
)
LOCKED = ("jq", "jq-doc", "web", "zlib", "other.example/openssl", "other.example/say")


def rewrite(home: Path) -> None:
    """Read each `REWRITTEN` file, remove it, and write it anew."""
    state = home / "state"
    host, names = ReadOnlyHost(state, home / "shared"), KnownNames(state)
    owners = {name: names.owner(name) for name in ("jq", "say")}
    names.forget()
    names.remember(owners)
    (here,) = Overrides(state).of(OverrideScope())
    (state / "overrides/host.json").unlink()
    Overrides(state).add(OverrideScope(), here)
    own = OwnPackages(host)
    ((name, built),) = own.all().items()
    own.forget(PackageName.parse(name))
    own.keep(PackageName.parse(name), built)
    lock = read_lock(home / "farm.lock")
    (home / "farm.lock").write_text(write_lock(lock))
    line = json.loads((state / "runs.jsonl").read_bytes())
    (state / "runs.jsonl").unlink()
    append_run(str(state), line["at"], run_form(lock, Path(line["links"])), line["command"], line["engine"])
    again = json.loads((state / "runs.jsonl").read_bytes())
    assert again["process"].keys() == line["process"].keys()
    (state / "runs.jsonl").write_text(json.dumps(again | {"process": line["process"]}) + "\n")
    seen = state / "subscriptions/dist.example.org/edge/metadata/seen"
    keys, release = json.loads((seen / "edge.json").read_bytes())["keys"], read_seen(seen, "edge")
    (seen / "edge.json").unlink()
    remember_release(seen, release, keys, datetime.now(UTC))
