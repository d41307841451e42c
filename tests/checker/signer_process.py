"""Signer and checker as processes of their own, as the farm's control speaks to them."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.server.pipeline.repository.signer_client import SignerClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def running_signer(folder: Path, public: Path) -> Iterator[SignerClient]:
    """Run both for the duration of the test: `folder` holds `keys/online`, and gets record, ledger and sockets."""
    with checker_process(folder, public), signer_process(folder, public):
        yield SignerClient(signer_socket(folder))


@contextmanager
def checker_process(folder: Path, public: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run the checker, whose record is `record`."""
    places = {
        "repository": public,
        "socket": checker_socket(folder),
        "record": folder / "record",
        "ledger": folder / "ledger",
    }
    with _running("workers.checker", places, checker_socket(folder), options) as process:
        yield process


@contextmanager
def signer_process(
    folder: Path, public: Path, *options: str, keys: str = "keys/online"
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the signer, with the keys in `folder`, and the socket for images."""
    places = {
        "repository": public,
        "keys": folder / keys,
        "socket": signer_socket(folder),
        "checker": checker_socket(folder),
        "ledger": folder / "ledger",
        "images-socket": images_socket(folder),
    }
    with _running("workers.signer", places, signer_socket(folder), options) as process:
        while not images_socket(folder).exists():
            time.sleep(0.05)
        yield process


def checker_socket(folder: Path) -> Path:
    """The socket on which the checker listens."""
    return folder / "check" / "checker.sock"


def signer_socket(folder: Path) -> Path:
    """The socket on which the signer listens for releases."""
    return folder / "signer" / "signer.sock"


def images_socket(folder: Path) -> Path:
    """The socket on which the signer listens for requests about images."""
    return folder / "images" / "signer.sock"


@contextmanager
def _running(
    module: str, places: dict[str, Path], socket: Path, options: tuple[str, ...]
) -> Iterator[subprocess.Popen[bytes]]:
    socket.unlink(missing_ok=True)
    words = [text for name, path in places.items() for text in (f"--{name}", str(path))]
    with (socket.parent.parent / f"{module}.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", module, *words, *options], stderr=log)
    try:
        while not socket.exists():
            assert process.poll() is None, f"{module} has ended"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()  # also ends a stopped process
        process.wait()
