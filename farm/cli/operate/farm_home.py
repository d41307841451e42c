"""The directory of one farm on one machine: its paths, the check of its use, and the lock for one process."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.store.private_directory import USERS

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST_SOCKET_PATH = 107
"""Bytes; the kernel's limit for the address of a Unix socket."""
_SPECIAL_IN_URLS = "?#%"


@dataclass(frozen=True, slots=True)
class FarmHome:
    """Paths below the farm's directory `root`, its future address, and the private networks that it may reach.

    `allowed_networks` are for sources, other distributions and git repositories, `webhook_networks` for webhooks.
    """

    root: Path
    host: Path
    port: int
    database_url: str = ""
    docker: str = ""
    allowed_networks: tuple[str, ...] = ()
    web_bounds: tuple[tuple[str, float], ...] = ()
    public_url: str = ""
    webhook_networks: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """The address of the web pages and the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        """The address at which people reach the farm, for links that leave it."""
        return self.public_url.rstrip("/") or self.url

    @property
    def database(self) -> str:
        """The database's URL: SQLite in this directory, unless another was named."""
        return self.database_url or f"sqlite:///{self.sqlite}"

    @property
    def sqlite(self) -> Path:
        """The file of the database, when that is SQLite."""
        return self.root / "database" / "farm.db"

    @property
    def public(self) -> Path:
        """The published repository."""
        return self.root / "public"

    @property
    def run(self) -> Path:
        """Sockets and settings files: each for the programs that need it."""
        return self.root / "run"

    @property
    def redis(self) -> Path:
        """The socket of the private Redis."""
        return self.run / "redis" / "redis.sock"

    @property
    def broker(self) -> str:
        """The URL of the private Redis."""
        return f"redis+socket://{self.redis}"

    @property
    def signer(self) -> Path:
        """The socket of the signer."""
        return self.run / "signer" / "signer.sock"

    @property
    def image_signer(self) -> Path:
        """The socket on which the signer takes only requests about images, from web."""
        return self.run / "images" / "signer.sock"

    @property
    def checker(self) -> Path:
        """The socket of the checker, for the signer alone."""
        return self.run / "check" / "checker.sock"

    @property
    def ledger(self) -> Path:
        """The directory in which the signer records what it signs and what was ordered."""
        return self.root / "ledger"

    @property
    def record(self) -> Path:
        """The directory in which the checker records what was published."""
        return self.root / "record"

    @property
    def token(self) -> Path:
        """The file with the administrator's token."""
        return self.root / "keys" / "admin.token"

    @property
    def web_settings(self) -> Path:
        """The settings file of web."""
        return self.run / "web.json"

    @property
    def control_settings(self) -> Path:
        """The settings file of control."""
        return self.run / "control.json"

    @property
    def users(self) -> Path:
        """The file with the users that the farm's programs run as, and what belongs to them."""
        return self.root / USERS

    def worker(self, number: int) -> Path:
        """Return the directory of a build worker."""
        return self.root / "workers" / f"worker-{number}"

    def fingerprint(self) -> str:
        """Return the fingerprint with which subscribers compare the root metadata."""
        from farm.core.names.digest import Digest

        return Digest.of((self.public / "metadata" / "1.root.json").read_bytes())


def check_directory(home: FarmHome) -> None:
    """Refuse a directory whose path does not fit into the database's URL or a socket's address."""
    root = str(home.root)
    if special := [url for url in _SPECIAL_IN_URLS if url in root]:
        raise FarmError(
            f"the path of the farm's directory must not have {' or '.join(special)} in it, for URLs: {root}",
            remedy="Name a directory without them in FARM_STATE.",
            code="unusable-directory",
        )
    excess = max(len(os.fsencode(path)) for path in (home.redis, home.signer, home.image_signer)) - _LONGEST_SOCKET_PATH
    if excess > 0:
        raise FarmError(
            f"the path of the farm's directory is too long for the sockets below it, by {excess} bytes: {root}",
            remedy="Name a directory with a shorter path in FARM_STATE.",
            code="unusable-directory",
        )


def take_directory(home: FarmHome) -> int:
    """Lock the directory for this process; refused while another process runs a farm there. Makes only `run`."""
    for folder in (home.root, home.run):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(home.run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        process = os.read(lock, 32).decode().strip()
        os.close(lock)
        known = f" (process {process})" if process else ""
        raise FarmError(
            f"a farm is running in this directory{known}",
            remedy="Stop it first, or name another directory in FARM_STATE.",
            code="farm-running",
        ) from error
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())
    return lock
