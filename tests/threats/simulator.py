"""A real repository with real keys in a temporary directory, its subscribers, and the abilities of an attacker.

Tests do what an attacker could do: with a mirror, with stolen keys, with the network in between. The code of
publisher and client is the farm's own; files, signatures and HTTP are real.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tuf.api.metadata import Metadata, MetaFile, Snapshot, Targets

from farm.client.repository.host import Host
from farm.client.repository.readers import HttpReader
from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.trust.keys.signers import Signers, read_signers, signed
from farm.trust.layout import release_target
from farm.trust.metadata.delegation import role_of
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.revision import Revision
from farm.trust.verification.client_metadata import ChannelMetadata
from tests.client import web_server
from tests.client.distribution import SmallDistribution
from tests.client.installing import install
from tests.trust.commands import CommandRunner

if TYPE_CHECKING:
    import http.server
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from farm.client.root.generation import Generation
    from farm.store.http.time_limits import TransferLimits
    from farm.trust.index.release_index import Release

EVER = 2**31 - 1
"""The highest version number."""


class Simulator:
    """The farm of one distribution: packages `greet`, which needs `say`, and `alone`, on the channel `edge`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.distribution = SmallDistribution(folder)
        self.distribution.package("greet", {"bin/greet": "#!/usr/bin/say\n"})
        self.distribution.package("say", {"bin/say": "\x7fsay 1"})
        self.distribution.package("alone", {"share/alone/file": "alone 1\n"})
        self.releases = [self.distribution.publish()]

    # --- what the owner does -------------------------------------------------------------------------------------

    @property
    def public(self) -> Path:
        return self.distribution.public

    @property
    def repository(self) -> Repository:
        return Repository(self.public)

    @property
    def fingerprint(self) -> str:
        assert self.distribution.founded is not None
        return self.distribution.founded.fingerprint

    @property
    def online(self) -> Signers:
        return read_signers(self.folder / "keys" / "online")

    @property
    def offline(self) -> Signers:
        return read_signers(self.folder / "keys" / "offline")

    def release(self, version: str = "2.0") -> Release:
        """Publish a release in which `say` and `alone` are new."""
        self.distribution.package("say", {"bin/say": f"\x7fsay {version}"}, version=version)
        self.distribution.package("alone", {"share/alone/file": f"alone {version}\n"}, version=version)
        self.releases.append(self.distribution.publish())
        return self.releases[-1]

    def keys(self, *lines: str) -> str:
        """Run `farm keys` in the farm's directory, one line after the other."""
        runner = CommandRunner(self.folder)
        return "".join(runner.run(line) for line in lines)

    def refused_keys(self, line: str) -> str:
        return CommandRunner(self.folder).refused(line)

    def sign_and_publish(self, draft: str) -> None:
        """Sign a draft of `root` or `targets` with its one offline key, and publish it."""
        self.keys(
            f"sign {draft}.draft --key keys/offline/{draft} --yes",
            f"publish {draft}.draft --repository public --online keys/online",
        )
        (self.folder / f"{draft}.draft").unlink()

    def replace_online_key(self, role: str, new: str) -> None:
        """Do what docs/operate.md prescribes when the key of snapshot, timestamp or a channel is stolen."""
        kind = "root" if role in ("snapshot", "timestamp") else "targets"
        old = CommandRunner(self.folder).key_id(f"keys/online/{role}")
        self.keys(
            f"new keys/online/{new}",
            f"draft {kind} --repository public --role {role} --remove-key {old} --add-key keys/online/{new}.pub",
        )
        self.sign_and_publish(kind)
        for name in (role, f"{role}.pub"):
            (self.folder / "keys" / "online" / name).unlink()

    # --- what an attacker does -----------------------------------------------------------------------------------

    def mirror(self, name: str) -> Mirror:
        """Copy what is public now, for a mirror that keeps serving it, or changes it."""
        place = self.folder / name
        shutil.copytree(self.public, place)
        return Mirror(place)

    def lead_to(self, mirror: Mirror) -> None:
        """Let the address that subscribers know lead to a mirror."""
        self.lead_back()
        self.public.rename(self._aside)
        self.public.symlink_to(mirror.root)

    def lead_back(self) -> None:
        """Let the address that subscribers know lead to the owner again."""
        if self.public.is_symlink():
            self.public.unlink()
            self._aside.rename(self.public)

    @property
    def _aside(self) -> Path:
        return self.folder / "public-of-the-owner"

    # --- the victims ---------------------------------------------------------------------------------------------

    def subscriber(self, name: str = "subscriber", address: str = "") -> Subscriber:
        """A host that has subscribed to `edge`, at the owner's directory unless another is given."""
        subscriber = Subscriber(self.folder / name, self.fingerprint)
        subscriber.subscribe(address or str(self.public))
        return subscriber


@dataclass
class Mirror:
    """A copy of the public directory under an attacker's control."""

    root: Path

    @property
    def address(self) -> str:
        return str(self.root)

    @property
    def repository(self) -> Repository:
        return Repository(self.root)

    def path(self, role: str) -> Path:
        """The newest metadata of a role."""
        metadata = self.root / "metadata"
        if role == "timestamp":
            return metadata / "timestamp.json"
        return max(metadata.glob(f"*.{role}.json"), key=lambda path: int(path.name.split(".")[0]))

    def document(self, role: str) -> Any:
        return Metadata.from_file(str(self.path(role))).signed

    def write(self, role: str, document: Any, signers: Signers) -> None:
        """Write a document as a role's next or same version, signed by the given keys."""
        name = f"{role}.json" if role == "timestamp" else f"{document.version}.{role}.json"
        (self.root / "metadata" / name).write_bytes(signed(document, signers))

    def expire(self, role: str, since: datetime, online: Signers) -> None:
        """Let a role's metadata have expired at `since`, under metadata that was signed for it today."""
        chain = ("edge", "snapshot", "timestamp")
        below: tuple[str, MetaFile] | None = None
        for name in chain[chain.index(role) :]:
            document = self.document(name)
            document.version += 1
            if name == role:
                document.expires = since.replace(microsecond=0)
            if below and name == "snapshot":
                document.meta[f"{below[0]}.json"] = below[1]
            elif below:
                document.snapshot_meta = below[1]
            self.write(name, document, online)
            below = name, MetaFile.from_data(document.version, self.path(name).read_bytes(), ["sha256"])

    def forge_targets(self, change: Callable[[Targets], None], keys: Signers, online: Signers) -> None:
        """Publish changed targets as a holder of `keys` could, with snapshot and timestamp that lead to them."""
        head = self.repository.head()
        change(head.targets)
        head.targets.version += 1
        revision = Revision(self.repository, head, online, datetime.now(UTC))
        revision.targets(head.targets.version, signed(head.targets, keys))
        revision.finish()

    def forge_release(
        self,
        release: Release,
        online: Signers,
        *,
        versions: int | None = None,
        change: Callable[[Targets], None] = lambda _document: None,
    ) -> None:
        """Publish a release as a thief of the online keys could, without the signer; `versions` sets all versions."""
        repository = self.repository
        head = repository.head()
        channel = repository.delegated(head, "edge")
        path = release_target("edge")
        channel.targets = {path: repository.write_target(path, release.to_json())}
        change(channel)
        if versions is not None:
            head.snapshot.version = head.timestamp.version = versions - 1
            head.snapshot.meta["edge.json"].version = versions - 1
        revision = Revision(repository, head, online, datetime.now(UTC))
        revision.delegated(role_of(head.targets, "edge"), channel)
        revision.finish()


@dataclass
class Subscriber:
    """A host with a root to install into."""

    folder: Path
    fingerprint: str
    host: Host = field(init=False)

    def __post_init__(self) -> None:
        self.host = Host(self.folder / "state", self.folder / "shared")

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def subscribe(self, address: str) -> None:
        self.host.subscriptions.subscribe(address, "edge", Digest(self.fingerprint))

    def install(self, *names: str) -> Generation:
        return install(self.host, self.root, *(names or ("greet",)))

    def installed(self) -> dict[str, str]:
        """Every installed file that somebody could run or read, by path."""
        usr = self.root / "usr"
        return {str(path.relative_to(usr)): path.read_text() for path in sorted(usr.rglob("*")) if path.is_file()}

    def refuses(self, *names: str) -> FarmError:
        """Installing must fail with a message and a remedy, and leave the installed state unchanged."""
        before, generation = self.installed(), self._generation()
        with pytest.raises(FarmError) as caught:
            self.install(*names)
        assert caught.value.message
        assert caught.value.remedy, caught.value.message
        assert self.installed() == before
        assert self._generation() == generation
        return caught.value

    def command(self, *words: str, clock: str = "+0d") -> subprocess.CompletedProcess[str]:
        """Run `farm` itself as this subscriber, under a clock that is wrong by this much."""
        environment = os.environ | {"FARM_STATE": str(self.folder / "state"), "FARM_HOST": str(self.folder / "shared")}
        code = "from farm.cli.entry import main; main()"
        return subprocess.run(
            ["faketime", "-f", clock, sys.executable, "-c", code, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def _generation(self) -> str:
        current = self.root / ".farm" / "current"
        return str(current.readlink()) if current.is_symlink() else ""


needs_faketime = pytest.mark.skipif(
    shutil.which("faketime") is None, reason="faketime is not installed: script/bootstrap --test"
)


@contextmanager
def serving(
    root: Path, answers: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] | None = None
) -> Iterator[str]:
    """Serve a directory over HTTP on the loopback; `answers` are handlers for single paths."""

    class Handler(web_server.Silent):
        def do_GET(self) -> None:  # noqa: N802  (the base class calls it so)
            for end, answer in (answers or {}).items():
                if self.path.endswith(end):
                    try:
                        answer(self)
                    except OSError:
                        self.close_connection = True
                    return
            super().do_GET()

    with web_server.serving(root, Handler) as address:
        yield address


def metadata_over_http(
    simulator: Simulator, state: Path, url: str, limits: TransferLimits | None = None
) -> ChannelMetadata:
    """A client's metadata that reads over HTTP, with a pinned root."""
    root = (simulator.public / "metadata" / "1.root.json").read_bytes()
    return ChannelMetadata(state, root, HttpReader(url, limits))


def successor(release: Release, **changes: Any) -> Release:
    """The next release, with changes."""
    return replace(release, **{"number": release.number + 1, "previous": release.digest, **changes})


__all__ = ["EVER", "Mirror", "Simulator", "Snapshot", "Subscriber", "needs_faketime", "serving", "successor"]
