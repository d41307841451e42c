"""The image store of a Docker Engine: loads images into it, sending only the layers that it needs, and reads them.

Debian's engine keeps images in a graph driver, which accepts an archive without the layers whose chain it has. An
engine with the containerd store refuses such an archive, so it is sent all layers. The engine tells which it has.
"""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import docker
import docker.errors

from farm.core.names.digest import Digest
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


_CONTAINERD = "io.containerd.snapshotter.v1"
_MISSING_LAYER = "no such file"


class LoadableImage(Protocol):
    """What the image store has to know about an image; `farm.oci` makes such images."""

    @property
    def image_id(self) -> Digest:
        """The digest of its configuration."""

    @property
    def digest(self) -> Digest:
        """The digest of its OCI manifest."""

    @property
    def diff_ids(self) -> tuple[Digest, ...]:
        """The digests of its uncompressed layers, lowest first."""


class ArchiveOf(Protocol):
    """Makes the archive of the image, leaving out the content of the layers `without`."""

    def __call__(self, *, without: frozenset[Digest], plain: bool) -> Iterable[bytes]:
        """Yield the archive in pieces; `plain` asks for uncompressed layers."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image in the engine: its id, by which it is run, and the number of layers that were sent."""

    id: Digest
    layers_sent: int


class ImageStore:
    """The image store of one engine."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client = client
        self._containerd = uses_containerd(client.info())

    def load(self, image: LoadableImage, archive: ArchiveOf, *, reference: str) -> Loaded:
        """Load the image into the engine under the name `reference` (`name:tag`).

        An image that is there already is only named. Raises the error `image-load`, `docker.errors.DockerException`,
        and what making the archive raises.
        """
        wanted = image.digest if self._containerd else image.image_id
        if inspect_image(self._client, wanted):
            name, _, tag = reference.rpartition(":")
            self._client.tag(wanted, name, tag, force=True)
            return Loaded(wanted, 0)
        # The zstd reader of Debian's engine (26.1.5) may read from a buffer that is in use again, and then panics and
        # takes down every container of the machine. It gets nothing to decompress.
        plain = not self._containerd
        known = frozenset() if self._containerd else present_layers(image.diff_ids, self._chains())
        problem = self._send(archive(without=known, plain=plain))
        if known and _MISSING_LAYER in problem:
            # An image was removed after its layers were looked up.
            known = frozenset()
            problem = self._send(archive(without=known, plain=plain))
        if problem:
            raise _not_loaded(reference, problem)
        found = inspect_image(self._client, reference)
        if found.get("Id") != wanted:
            raise _not_loaded(reference, f"it is now {found.get('Id', 'nothing')}, and not {wanted}")
        return Loaded(wanted, sum(diff_id not in known for diff_id in image.diff_ids))

    def _send(self, archive: Iterable[bytes]) -> str:
        """Load an archive; return the errors of the engine (it answers 200 before it knows), or nothing."""
        # An empty piece would end a chunked request.
        pieces = (piece for piece in archive if piece)
        events: Iterator[dict[str, Any]] = self._client.load_image(pieces)  # type: ignore[no-untyped-call]
        complaints = [event.get("error") or event.get("message") for event in events]
        return "; ".join(str(complaint) for complaint in complaints if complaint)

    def _chains(self) -> Iterator[Sequence[str]]:
        """Yield the layers of each image that the engine has, lowest first."""
        for image in self._client.images(quiet=True):
            root = inspect_image(self._client, image).get("RootFS") or {}
            yield root.get("Layers") or ()


def _not_loaded(reference: str, why: str) -> FarmError:
    return FarmError(
        f"the Docker Engine did not load {reference}: {why}",
        remedy="Check the engine's log and its free disk space, then try again.",
        code="image-load",
    )


def uses_containerd(info: Mapping[str, Any]) -> bool:
    """Return whether an engine keeps its images in containerd, by its answer to `GET /info`."""
    return any(_CONTAINERD in pair for pair in info.get("DriverStatus") or ())


def present_layers(diff_ids: Sequence[Digest], chains: Iterable[Sequence[str]]) -> frozenset[Digest]:
    """Return the layers of an image that an engine has *in the chain below them*: only these it can reuse.

    A layer that occurs twice in an image, on different chains, is sent.
    """
    longest = 0
    for chain in chains:
        length = 0
        while length < min(len(chain), len(diff_ids)) and chain[length] == diff_ids[length]:
            length += 1
        longest = max(longest, length)
    return frozenset(diff_ids[:longest]) - frozenset(diff_ids[longest:])


def inspect_image(client: docker.APIClient, name: str) -> Mapping[str, Any]:
    """Return what an engine shows of an image, or nothing if it has none of this name."""
    try:
        found: Mapping[str, Any] = client.inspect_image(name)  # type: ignore[no-untyped-call]
    except docker.errors.NotFound:
        return {}
    except docker.errors.APIError as error:
        if error.response is not None and error.response.status_code == HTTPStatus.BAD_REQUEST:
            return {}  # not a valid name for an image
        raise
    return found


@dataclass(frozen=True, slots=True)
class EngineImages:
    """Reads the images of one engine, and changes none."""

    client: docker.APIClient

    def inspect(self, name: str) -> Mapping[str, Any]:
        """Return what the engine shows of an image, or nothing if it has none of this name."""
        return inspect_image(self.client, name)

    def history(self, name: str, layers: int) -> list[str]:
        """Return what made each of the `layers` of an image, lowest first; empty where the engine does not tell."""
        steps = list(reversed(self.client.history(name)))  # type: ignore[no-untyped-call]
        # Steps without a layer (ENV, LABEL) are listed too, and look like layers of links, whose size is zero as well.
        # They come from an image that was derived from ours, so they are the topmost of these.
        empty = [number for number, step in enumerate(steps) if not step.get("Size")]
        left_out = set(empty[len(empty) - max(len(steps) - layers, 0) :])
        found = [str(step.get("CreatedBy", "")) for number, step in enumerate(steps) if number not in left_out]
        return [*found, *[""] * layers][:layers]

    def layer(self, name: str, diff_id: Digest) -> Iterator[bytes]:
        """Yield one uncompressed layer of an image in pieces. Raises the error `image-layer` if it is not there."""
        archive = self.client.get_image(name)
        # Engines from version 25 on save by digest; the caller verifies the layer.
        with tarfile.open(fileobj=Stream(archive), mode="r|") as saved:  # type: ignore[call-overload]
            for member in saved:
                if member.name.rpartition("/")[2] == diff_id.hex and member.isreg():
                    content = saved.extractfile(member)
                    while content and (piece := content.read(_PIECE)):
                        yield piece
                    return
        raise FarmError(
            f"the Docker Engine does not give out the layer {diff_id} of {name}",
            remedy="Build the image again with `farm image build`, or name an OCI layout of it.",
            code="image-layer",
        )


class Stream:
    """The pieces that the engine sends, as a file for sequential reading."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._held = b""

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer than `size` only at the end."""
        while len(self._held) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._held += piece
        found, self._held = self._held[:size], self._held[size:]
        return found


_PIECE = 1 << 20


def saved_digests(client: docker.APIClient, name: str, seen: Callable[[int], None]) -> tuple[frozenset[Digest], str]:
    """Return the digests of all files in the engine's archive of an image, and why it ended early, if it did.

    Layers are uncompressed there, so that their digests are their diff_ids, whatever their names. An engine that finds
    a layer altered on its disk ends the archive early. `seen` is called with the number of bytes read.
    """
    found: set[Digest] = set()
    try:
        with tarfile.open(fileobj=Stream(client.get_image(name)), mode="r|") as saved:  # type: ignore[call-overload]
            for member in saved:
                content = saved.extractfile(member) if member.isreg() else None
                if content is None:
                    continue
                hasher = hashlib.sha256()
                while piece := content.read(_PIECE):
                    hasher.update(piece)
                    seen(len(piece))
                found.add(Digest.from_hex(hasher.hexdigest()))
    except (tarfile.TarError, docker.errors.APIError, OSError) as error:
        return frozenset(found), str(error)
    return frozenset(found), ""
