"""A publisher in its own process: publishes a release's blobs and signs it, and is killed before the n-th write.

Run as `python -m tests.server.pipeline.publisher PUBLIC BUILT ONLINE_KEYS`. Reads one JSON order from each line,
carries it out in a forked process, and answers with how that ended.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.core.names.digest import Digest
from farm.errors import FarmError
from farm.server.pipeline.repository.public_store import PublicStore
from farm.store.blobs import BlobStore
from farm.trust.index.release_index import Release, ReleaseEntry
from farm.trust.keys.signers import read_signers
from farm.trust.metadata.repository import Repository
from tests.checker.checked_signing import sign_checked

if TYPE_CHECKING:
    from collections.abc import Callable

WRITES = ("fsync", "link", "replace", "unlink")
"""The calls through which anything of a release becomes visible, or survives a power cut."""


def publish(public: Path, built: Path, keys: Path, order: dict[str, Any]) -> None:
    """Publish the release of this digest; all its blobs are in the store of builds."""
    store = BlobStore(built)
    release = Release.from_json(store.read(Digest(order["release"])))
    index = [store.read(Digest(digest)) for digest in order["index"]]
    put = [ReleaseEntry.from_json(store.read(Digest(digest))) for digest in order["put"]]
    PublicStore(public, store).bring(put, index, release)
    sign_checked(Repository(public), read_signers(keys), keys.parent / "record", release)


def die_at(number: int) -> None:
    """Have this process killed instead of its `number`-th write, counted from 0; never for a negative one."""
    writes = count()

    def dying(write: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if next(writes) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(*arguments, **options)

        return wrapped

    for name in WRITES:
        setattr(os, name, dying(getattr(os, name)))


def carry_out(public: Path, built: Path, keys: Path, order: dict[str, Any]) -> str:
    """Fork, publish in the child, and return how it ended: `published`, `killed`, or the code of the refusal."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        die_at(order["kill"])
        try:
            publish(public, built, keys, order)
            os.write(writing, b"published")
        except FarmError as error:
            os.write(writing, error.code.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as said:
        answer = said.read()
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL else answer


def main() -> None:
    """Carry out orders until the input ends."""
    public, built, keys = map(Path, sys.argv[1:])
    for line in sys.stdin:
        sys.stdout.write(carry_out(public, built, keys, json.loads(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
