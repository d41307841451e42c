"""The signer as a process of its own, as the farm's control speaks to it."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farm.release.signer_client import SignerClient

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def running_signer(folder: Path, public: Path) -> Iterator[SignerClient]:
    """Run it for as long as the test needs it: `folder` has `keys/online`, and gets its record and its socket."""
    socket = folder / "signer" / "signer.sock"
    socket.unlink(missing_ok=True)
    places = {"repository": public, "keys": folder / "keys/online", "socket": socket, "record": folder / "record"}
    options = [text for name, path in places.items() for text in (f"--{name}", str(path))]
    process = subprocess.Popen([sys.executable, "-m", "workers.signer", *options], stderr=subprocess.DEVNULL)
    try:
        while not socket.exists():
            assert process.poll() is None, "the signer has ended"
            time.sleep(0.05)
        yield SignerClient(socket)
    finally:
        process.terminate()
        process.wait()
