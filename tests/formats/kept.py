"""The fixtures: their paths, how they are unpacked, and the time at which they are read."""

from __future__ import annotations

import datetime
import io
import json
import os
import tarfile
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tuf.ngclient._internal import trusted_metadata_set

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = "<!doctype html>"
DATA = Path(__file__).parent / "data"


def read(name: str) -> bytes:
    return (DATA / name).read_bytes()


def read_json(name: str) -> Any:
    return json.loads(read(name))


def still_says(present: Any, then: Any) -> bool:
    """Whether an answer has everything that it had: objects may have more members, and pages another layout."""
    if isinstance(then, dict):
        return isinstance(present, dict) and all(
            key in present and still_says(present[key], value) for key, value in then.items()
        )
    if isinstance(then, list):
        alike = isinstance(present, list) and len(present) == len(then)
        return alike and all(still_says(*pair) for pair in zip(present, then, strict=True))
    if isinstance(then, str) and then.startswith(_PAGE):
        return isinstance(present, str) and present.startswith(_PAGE)
    return bool(present == then)


def unpacked(name: str, folder: Path) -> Path:
    """Unpack an archive of files into a folder, and return the folder."""
    with tarfile.open(fileobj=io.BytesIO(read(name))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def home(folder: Path, repository: Path | None = None) -> Path:
    """Unpack a subscriber's home; the addresses of its subscriptions lead to repositories below another folder."""
    unpacked("home.tar.gz", folder)
    for record in folder.glob("state/subscriptions/*/*/subscription.json"):
        record.write_bytes(record.read_bytes().replace(b"/tmp/farm-formats", str(repository or "/nowhere").encode()))
    return folder


def subscriber_home(folder: Path) -> dict[str, str]:
    """Unpack a home with all that surrounds it; return the environment for commands that run there."""
    published = unpacked("published.tar.gz", folder / "published")
    there = home(folder / "home", published)
    (there / "state" / "policy.yaml").rename(there / "policy.yaml")
    unpacked("layout.tar.gz", there)
    unpacked("recipes.tar.gz", there / "recipes")
    places = {"FARM_STATE": str(there / "state"), "FARM_HOST": str(there / "shared"), "HOME": str(there)}
    return {**os.environ, **places, "COLUMNS": "200", "NO_COLOR": "1"}


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the content of all files below a folder, by path."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def document(name: str) -> bytes:
    """Return a document, `<kind>/<case>`; for a kind alone the names of all its documents."""
    path = DATA / "documents" / name
    if path.is_dir():
        return "\n".join(sorted(f"{name}/{entry.name}" for entry in path.iterdir())).encode()
    return path.read_bytes()


@contextmanager
def at(moment: str) -> Iterator[None]:
    """Set the time of TUF's client (RFC 3339): then nothing that was signed has expired."""
    then = datetime.datetime.fromisoformat(moment)
    before = trusted_metadata_set.datetime
    clock = SimpleNamespace(now=then.astimezone)
    trusted_metadata_set.datetime = SimpleNamespace(datetime=clock, timezone=datetime.timezone)  # type: ignore[assignment]
    try:
        yield
    finally:
        trusted_metadata_set.datetime = before
