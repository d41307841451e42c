"""Real servers for tests, private and on Unix sockets: PostgreSQL and Redis from the machine's own packages."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import redis

if TYPE_CHECKING:
    from collections.abc import Iterator


def program(name: str) -> str:
    """Return the path of a program, which Debian may keep in PostgreSQL's own directory."""
    found = shutil.which(name)
    if found:
        return found
    candidates = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    if not candidates:
        raise FileNotFoundError(f"{name} is not installed")
    return str(candidates[-1])


def _unprivileged() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam("postgres")
    return ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]


@contextmanager
def private_postgres() -> Iterator[Path]:
    """A cluster of its own; yields the directory of its socket, where `postgres` may connect without a password."""
    root = Path(tempfile.mkdtemp(prefix="farm-pg-"))
    root.chmod(0o711)  # for the users of the farm's programs
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(root, account.pw_uid, account.pw_gid)
    data, prefix = root / "data", _unprivileged()
    subprocess.run(
        [*prefix, program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=root,
    )
    options = f"-c listen_addresses='' -c unix_socket_directories={root} -c fsync=off -c jit=off -c max_connections=200"
    control = [*prefix, program("pg_ctl"), "-D", data, "-w"]
    subprocess.run(
        [*control, "-l", root / "log", "-o", options, "start"], check=True, stdout=subprocess.DEVNULL, cwd=root
    )
    try:
        yield root
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=root)
        shutil.rmtree(root)


def new_postgres_schema(socket: Path, name: str) -> str:
    """Make an empty schema in a cluster and return the URL of a connection that sees only this schema."""
    with psycopg.connect(host=str(socket), user="postgres", dbname="postgres", autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{name}"')
    return schema_url(socket, name)


def schema_url(socket: Path, name: str) -> str:
    """Return the URL of a connection that sees only this schema of a cluster."""
    return f"postgresql+psycopg://postgres@/postgres?host={socket}&options=-csearch_path%3D{name}"


class PrivateRedis:
    """A Redis server of the test's own, which it may kill and start again."""

    def __init__(self, directory: Path) -> None:
        self.socket = directory / "redis.sock"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis+socket://{self.socket}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"],
            stdout=subprocess.DEVNULL,
            cwd=self._directory,
        )
        client = redis.Redis(unix_socket_path=str(self.socket))
        deadline = time.monotonic() + 10
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            else:
                client.close()
                return

    def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        if self._process:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None
