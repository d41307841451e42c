"""The directory of one farm on one machine: where everything lies, and how it is founded; twice changes nothing.

Each program of the farm gets a settings file with what it needs to know and nothing else: build workers are told no
database, and only the signer is told where the online keys are.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from securesystemslib.signer import Key

    from farm.engine.toolchain import Toolchain
    from farm.recipe import RecipeTree

_TOKEN_DAYS = 365


@dataclass(frozen=True, slots=True)
class FarmHome:
    """Paths below the farm's directory `root`, the address that it will answer at, and what its workers may reach.

    An empty `docker` is the machine's own engine; `allowed_networks` are private networks of sources and of other
    distributions; `web_bounds` are what callers may cost, by name, where that is not the usual.
    """

    root: Path
    host: Path
    port: int
    database_url: str = ""
    docker: str = ""
    allowed_networks: tuple[str, ...] = ()
    web_bounds: tuple[tuple[str, float], ...] = ()

    @property
    def url(self) -> str:
        """Where the web pages and the API are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database(self) -> str:
        """The database's URL: SQLite in this directory, unless another was named."""
        return self.database_url or f"sqlite:///{self.sqlite}"

    @property
    def sqlite(self) -> Path:
        """The file of the database, when that is SQLite."""
        return self.root / "farm.db"

    @property
    def public(self) -> Path:
        """The published repository."""
        return self.root / "public"

    @property
    def run(self) -> Path:
        """Sockets and settings files; for nobody else to look into."""
        return self.root / "run"

    @property
    def redis(self) -> Path:
        """The socket of the private Redis."""
        return self.run / "redis.sock"

    @property
    def signer(self) -> Path:
        """The socket of the signer."""
        return self.run / "signer" / "signer.sock"

    @property
    def image_signer(self) -> Path:
        """The socket on which the signer takes questions about images, from web, and nothing else."""
        return self.run / "images" / "signer.sock"

    @property
    def token(self) -> Path:
        """The file with the administrator's token."""
        return self.root / "keys" / "admin.token"

    @property
    def settings(self) -> Path:
        """The settings file of web and control."""
        return self.run / "farm.json"

    def worker(self, number: int) -> Path:
        """Return the directory of a build worker."""
        return self.root / "workers" / f"worker-{number}"

    def fingerprint(self) -> str:
        """Return what subscribers compare the root metadata with."""
        from farm.names import Digest

        return Digest.of((self.public / "metadata" / "1.root.json").read_bytes())


def found(
    home: FarmHome,
    tree: RecipeTree,
    recipes: Path,
    toolchains: Sequence[Toolchain],
    workers: int,
    *,
    vary: bool,
    follow: int = 60,
    images: bool = True,
) -> None:
    """Make directories, keys, settings, metadata and database where they are missing; bring settings up to date.

    With `vary` the builds of each worker see what they must not depend on: another host name, one processor of their
    own, a clock 400 days ahead. Other distributions are looked at every `follow` seconds. `images` says whether what is
    released can be pulled as images.
    """
    for folder in (home.root, home.run, home.root / "keys"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (home.root / "blobs").mkdir(exist_ok=True)
    offered = [_share(home, toolchain) for toolchain in toolchains]
    broker = f"redis+socket://{home.redis}"
    farm = {
        "database": home.database,
        "broker": broker,
        "blobs": str(home.root / "blobs"),
        "logs": str(home.root / "logs"),
        "recipes": str(recipes.absolute()),
        "toolchains": offered,
        "repository": str(home.public),
        "images": images,
        "signer": str(home.signer),
        "image_signer": str(home.image_signer),
        "follow_seconds": follow,
        "allowed_networks": list(home.allowed_networks),
        "web": dict(home.web_bounds),
    }
    _write(home.settings, farm)
    suites = sorted({definition.suite for definition in tree.toolchains.values()})
    for number in range(1, workers + 1):
        folder = home.worker(number)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        own = _worker_settings(home, number, broker, suites[0] if suites else "")
        _write(folder / "settings.json", own | (_variation(number) if vary else {}))
    keys = _worker_keys(home, workers)
    _sign_builders(home, tree, [key.public_key for key in keys.values()])
    _admit(home, {name: str(key.public_key.keyval["public"]) for name, key in keys.items()})


def _worker_settings(home: FarmHome, number: int, broker: str, suite: str) -> dict[str, Any]:
    return {
        "farm": home.url,
        "broker": broker,
        "name": f"worker-{number}",
        "key": str(home.worker(number) / "key"),
        "blobs": str(home.host / "blobs"),
        "packages": str(home.host / "packages"),
        "toolchains": str(home.host / "toolchains"),
        "attempts": str(home.host / "attempts"),
        "owner": str(home.root.absolute()),
        "suite": suite,
        "docker": home.docker,
        "allowed_networks": list(home.allowed_networks),
        "jobs": os.cpu_count() or 1,
    }


def _variation(number: int) -> dict[str, Any]:
    processor = (number - 1) % (os.cpu_count() or 1)
    return {"hostname": f"elsewhere-{number}", "cpus": str(processor), "clock_offset": 400 * 86_400, "jobs": 1}


def _worker_keys(home: FarmHome, workers: int) -> dict[str, Any]:
    from farm.trust.keys import load_or_create_key

    return {f"worker-{n}": load_or_create_key(home.worker(n) / "key") for n in range(1, workers + 1)}


def _sign_builders(home: FarmHome, tree: RecipeTree, builders: Sequence[Key]) -> None:
    """Hold the first ceremony, or bring builders and channels up to the workers and recipes that there are now."""
    from farm.recipe.channel_gates import ReproducedGate
    from farm.trust.ceremony import allow_more_builders, found_channels, found_repository
    from farm.trust.repository import Repository

    repository, keys, channels = Repository(home.public), home.root / "keys", sorted(tree.channels)
    rebuilds = {
        name: gate.agree
        for name, policy in tree.channels.items()
        for gate in policy.gates
        if isinstance(gate, ReproducedGate)
    }
    if repository.exists():
        allow_more_builders(repository, keys, builders, datetime.now(UTC))
    else:
        found_repository(home.public, keys, channels, builders, datetime.now(UTC))
    found_channels(repository, keys, channels, datetime.now(UTC), rebuilds)


def _admit(home: FarmHome, keys: dict[str, str]) -> None:
    """Enrol the workers, and make the administrator's token once."""
    from farm.building.recipe_directory import read_recipe_directory
    from farm.control import access
    from farm.control.settings import FarmSettings, open_office
    from farm.database.states import Role
    from farm.trust.repository import replace_file

    if not home.database_url:
        # SQLite would let everybody read what it makes; the files beside it get the mode of this one.
        home.sqlite.touch(mode=0o600)
        home.sqlite.chmod(0o600)
    settings = FarmSettings.read(home.settings)
    office = open_office(settings, read_recipe_directory(settings.recipes))
    with office.writing() as desk:
        for name, key in keys.items():
            access.enrol(desk, name=name, public_key=key, builds=True, tests=True, by="farm up")
        if not home.token.exists():
            token, _ = access.issue_token(desk, name="admin", role=Role.ADMIN, lasts=timedelta(days=_TOKEN_DAYS))
            previous = os.umask(0o077)
            try:
                replace_file(home.token, token.encode() + b"\n")
            finally:
                os.umask(previous)
    office.database.close()


def _share(home: FarmHome, toolchain: Toolchain) -> dict[str, Any]:
    """Put a toolchain's blobs into the farm's store, for workers elsewhere; return how settings name it."""
    from farm.blobs import BlobStore
    from farm.control.world import ToolchainRef
    from farm.plan import BlobRef

    store = BlobStore(home.root / "blobs")
    for digest in (toolchain.tree, toolchain.archive.digest, *toolchain.debs.values()):
        if not store.has(digest):
            store.share(toolchain.store, digest)
    manifest = BlobRef(toolchain.tree, toolchain.store.size(toolchain.tree))
    lock = store.put_bytes(toolchain.lock.to_text()) if toolchain.lock else None
    return ToolchainRef(toolchain.name, toolchain.tree, toolchain.archive, manifest, toolchain.debs, lock).to_dict()


def _write(path: Path, settings: dict[str, Any]) -> None:
    from farm.trust.repository import replace_file

    replace_file(path, (json.dumps(settings, indent=1) + "\n").encode())
