"""Reads what was signed as a subscriber does from its pinned root, and judges it by what may ever be released.

Nothing of `farm.checker` or `farm.server.pipeline` is used: python-tuf verifies signatures, `tests.attack.scenario`
lists what may be released, and an unattacked farm's release shows what the entry of each package must contain.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from farm.core.names.version import Version
from farm.trust.index.release_index import Release
from farm.trust.index.tree import entries
from tests.attack.scenario import ALLOWED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from tuf.api.metadata import TargetFile

    from farm.core.names.digest import Digest
    from farm.core.plan.job import BlobRef
    from farm.trust.index.release_index import ReleaseEntry

_VARIES = ("provenance", "rebuilds")
"""Members of an entry that differ from farm to farm: builders and times. Allowed builders are checked separately."""


@dataclass(frozen=True)
class Signed:
    """What a subscriber gets from a repository."""

    versions: Mapping[str, int]
    releases: Mapping[str, Release]
    advisories: Mapping[str, Any]
    statements: bytes
    reviews: tuple[Mapping[str, Any], ...]
    fixed: Mapping[str, bytes]
    """Metadata that only people with offline keys may change: root and targets."""


def read(public: Path, pinned: bytes) -> Signed:
    """Read what is signed. Raises what a subscriber would raise."""
    folder = public / "metadata"
    root: Metadata[Root] = Metadata.from_bytes(pinned)
    assert not (folder / f"{root.signed.version + 1}.root.json").exists(), "there is another root"
    timestamp: Metadata[Timestamp] = _delegated(folder / "timestamp.json", root.signed, "timestamp")
    snapshot_version = timestamp.signed.snapshot_meta.version
    snapshot: Metadata[Snapshot] = _delegated(folder / f"{snapshot_version}.snapshot.json", root.signed, "snapshot")
    versions = {name: meta.version for name, meta in snapshot.signed.meta.items()}
    targets_path = folder / f"{versions['targets.json']}.targets.json"
    targets: Metadata[Targets] = _delegated(targets_path, root.signed, "targets")
    assert targets.signed.delegations
    assert targets.signed.delegations.roles
    releases, advisories, statements, reviews = {}, {}, b"", ()
    for name in targets.signed.delegations.roles:
        role: Metadata[Targets] = _delegated(folder / f"{versions[f'{name}.json']}.{name}.json", targets.signed, name)
        for path, target in role.signed.targets.items():
            content = _target(public, path, target)
            if path.endswith("release.json"):
                releases[name] = Release.from_json(content)
            elif "reviews" in json.loads(content):
                reviews = tuple(json.loads(content)["reviews"])
            else:
                listed = json.loads(content)
                advisories = {
                    advisory["id"]: json.loads(blob(public, advisory["document"]["digest"]))
                    for advisory in listed["advisories"]
                }
                statements = blob(public, listed["statements"]["digest"]) if listed["statements"] else b""
    versions |= {"timestamp": timestamp.signed.version, "snapshot": snapshot_version}
    return Signed(versions, releases, advisories, statements, reviews, {"targets": targets_path.read_bytes()})


def _delegated(path: Path, delegator: Root | Targets, role: str) -> Metadata[Any]:
    metadata: Metadata[Any] = Metadata.from_bytes(path.read_bytes())
    delegator.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    return metadata


def _target(public: Path, path: str, target: TargetFile) -> bytes:
    folder, _, name = path.rpartition("/")
    content = (public / "targets" / folder / f"{target.hashes['sha256']}.{name}").read_bytes()
    target.verify_length_and_hashes(content)
    return content


def blob(public: Path, digest: str) -> bytes:
    """Return a published blob; raises if its bytes do not match the digest."""
    named = digest.removeprefix("sha256:")
    content = (public / "blobs" / "sha256" / named[:2] / named[2:]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == named, "the published blob is another"
    return content


@dataclass(frozen=True)
class Oracle:
    """Judges what is signed after an attack. `before` is what was signed before the attack."""

    pinned: bytes
    before: Signed
    entries: Mapping[tuple[str, str], Mapping[str, Any]]
    """The entries of an honest farm, by name and version."""

    def wrongs(self, public: Path) -> list[str]:
        """Return what is signed now and should not be, one line for each problem."""
        try:
            now = read(public, self.pinned)
        except Exception as error:  # noqa: BLE001  # whatever a subscriber stumbles over is wrong
            return [f"a subscriber cannot read the repository: {error!r}"]
        found = [
            f"{name} has gone back" for name, version in self.before.versions.items() if now.versions[name] < version
        ]
        found += [f"{name} is another" for name, content in self.before.fixed.items() if now.fixed[name] != content]
        for channel in sorted(ALLOWED):
            found += self._channel(public, channel, now.releases.get(channel))
        for number, advisory in self.before.advisories.items():
            if now.advisories.get(number) != advisory:
                found.append(f"the advisory {number} is {now.advisories.get(number)}")
        found += [f"the advisory {key} was invented" for key in now.advisories.keys() - self.before.advisories.keys()]
        if now.statements != self.before.statements:
            found.append(f"what is stated is {now.statements!r:.500}")
        found += [f"the review {review} was invented" for review in now.reviews if review not in self.before.reviews]
        found += [f"the review {review} is gone" for review in self.before.reviews if review not in now.reviews]
        return found

    def wrongs_but_for_blobs(self, public: Path, changing: Collection[str]) -> list[str]:
        """Return the problems while the bytes of blobs that no honest release names are being replaced."""
        return [wrong for wrong in self.wrongs(public) if not any(digest in wrong for digest in changing)]

    def _channel(self, public: Path, channel: str, newest: Release | None) -> Iterator[str]:
        base = self.before.releases.get(channel)
        if newest is None:
            if base is not None:
                yield f"{channel} has no release any more"
            return
        release = newest
        while base is None or release.digest != base.digest:
            before = Release.from_json(blob(public, release.previous)) if release.previous else None
            yield from self._release(public, channel, before, release)
            if before is None:
                if base is not None:
                    yield f"{channel} has forgotten release {base.number}"
                return
            if before.number + 1 != release.number:
                yield f"{channel} goes from release {before.number} to {release.number}"
            release = before

    def _release(self, public: Path, channel: str, before: Release | None, release: Release) -> Iterator[str]:
        where = f"{channel} {release.number}"
        if release.channel != channel:
            yield f"{where} is one of {release.channel}"
        if release.imports:
            yield f"{where} takes packages of others"
        old = {entry.name: entry for entry in _entries(public, before.index)} if before else {}
        new = {entry.name: entry for entry in _entries(public, release.index)}
        for name in old.keys() - new.keys():
            yield f"{where} has lost {name}"
        if len(new) != release.packages:
            yield f"{where} says that it has {release.packages} packages"
        for name, entry in sorted(new.items()):
            if name in old and Version(entry.version) < Version(old[name].version):
                yield f"{where} has gone back to {name} {entry.version}"
            if entry.version not in ALLOWED[channel].get(name, ()):
                yield f"{where} has {name} {entry.version}"
            else:
                yield from (f"{where}: {wrong}" for wrong in self._entry(entry))

    def _entry(self, entry: ReleaseEntry) -> Iterator[str]:
        honest = self.entries.get((entry.name, entry.version))
        if honest is None:
            yield f"nobody knows what {entry.name} {entry.version} should be"
            return
        for key, value in entry_facts(entry).items():
            if honest[key] != value:
                yield f"the {key} of {entry.name} {entry.version} is {value!r:.100}, not {honest[key]!r:.100}"


def entry_facts(entry: ReleaseEntry) -> dict[str, Any]:
    """The part of an entry that is the same on each farm."""
    return {key: value for key, value in entry.to_dict().items() if key not in _VARIES} | {"tests": entry.tests}


def honest_entries(public: Path, pinned: bytes) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the entries of everything that an unattacked farm has released."""
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for release in read(public, pinned).releases.values():
        older: Release | None = release
        while older is not None:
            known |= {(one.name, one.version): entry_facts(one) for one in _entries(public, older.index)}
            older = Release.from_json(blob(public, older.previous)) if older.previous else None
    return known


def _entries(public: Path, root: BlobRef) -> Iterator[ReleaseEntry]:
    return entries(lambda node: blob(public, node.digest), root)


def names_in(public: Path, pinned: bytes, channel: str) -> dict[str, Digest]:
    """Return the content of the newest release of a channel: trees by name."""
    release = read(public, pinned).releases.get(channel)
    return {entry.name: entry.manifest.digest for entry in _entries(public, release.index)} if release else {}
