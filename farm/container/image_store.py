"""Loading images into a Docker Engine, sending only what its image store will not do without.

Debian's engine keeps images in a graph driver, which takes an archive that leaves out layers whose chain it has. An
engine with the containerd store refuses such an archive, so it is sent everything. The engine says which it is.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import docker
import docker.errors

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from farm.core.names.digest import Digest

_CONTAINERD = "io.containerd.snapshotter.v1"
_MISSING_LAYER = "no such file"
_PIECE = 1 << 20


class ImageLoadError(FarmError):
    """The engine did not take an image, or took it for another; `reference` is what it was to be called."""

    code = "image-load"

    def __init__(self, reference: str, why: str) -> None:
        super().__init__(
            f"the Docker Engine did not load {reference}: {why}",
            remedy="Look at the engine's log and its free disk space, then repeat.",
        )
        self.reference = reference


class ImageLayerError(FarmError):
    """The engine does not give one layer of an image out."""

    code = "image-layer"

    def __init__(self, name: str, diff_id: Digest) -> None:
        super().__init__(
            f"the Docker Engine does not give out the layer {diff_id} of {name}",
            remedy="Make the image anew with `farm image build`, or name an OCI layout of it.",
        )


class LoadableImage(Protocol):
    """What the image store has to know of an image; `farm.oci` makes such images."""

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
        """Give the archive in pieces; `plain` asks for uncompressed layers."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image in the engine: the id to run it by, and how many of its layers had to be sent."""

    id: Digest
    layers_sent: int


class ImageStore:
    """The image store of one engine."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client = client
        self._containerd = uses_containerd(client.info())

    def load(self, image: LoadableImage, archive: ArchiveOf, *, reference: str) -> Loaded:
        """See that the engine has the image under the name `reference` (`name:tag`), and return what to run it by.

        An image that is there already is only named. Raises `ImageLoadError`, `docker.errors.DockerException`, and
        what making the archive raises.
        """
        wanted = image.digest if self._containerd else image.image_id
        if self._inspect(wanted):
            self._name(wanted, reference)
            return Loaded(wanted, 0)
        # The zstd reader of Debian's engine (26.1.5) may still read a stream whose buffer was given to another, and
        # panics then, and takes every container of the machine down. It gets nothing to decompress.
        plain = not self._containerd
        known = frozenset() if self._containerd else present_layers(image.diff_ids, self._chains())
        problem = self._send(archive(without=known, plain=plain))
        if known and _MISSING_LAYER in problem:
            # An image was removed since its layers were looked up.
            known = frozenset()
            problem = self._send(archive(without=known, plain=plain))
        if problem:
            raise ImageLoadError(reference, problem)
        found = self._inspect(reference)
        if found.get("Id") != wanted:
            raise ImageLoadError(reference, f"it is now {found.get('Id', 'nothing')}, and not {wanted}")
        return Loaded(wanted, sum(diff_id not in known for diff_id in image.diff_ids))

    def _send(self, archive: Iterable[bytes]) -> str:
        """Load an archive; return what the engine complains of (it answers 200 before it knows), or nothing."""
        # An empty piece would end a chunked request.
        pieces = (piece for piece in archive if piece)
        events: Iterator[dict[str, Any]] = self._client.load_image(pieces)  # type: ignore[no-untyped-call]
        complaints = [event.get("error") or event.get("message") for event in events]
        return "; ".join(str(complaint) for complaint in complaints if complaint)

    def _inspect(self, name: str) -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = self._client.inspect_image(name)  # type: ignore[no-untyped-call]
        except docker.errors.ImageNotFound:
            return {}
        return found

    def _name(self, image: Digest, reference: str) -> None:
        name, _, tag = reference.rpartition(":")
        self._client.tag(image, name, tag, force=True)

    def _chains(self) -> Iterator[Sequence[str]]:
        """Give the layers of each image that the engine has, lowest first."""
        for image in self._client.images(quiet=True):
            root = self._inspect(image).get("RootFS") or {}
            yield root.get("Layers") or ()


def uses_containerd(info: Mapping[str, Any]) -> bool:
    """Say whether an engine keeps its images in containerd, from what `GET /info` answers."""
    return any(_CONTAINERD in pair for pair in info.get("DriverStatus") or ())


def present_layers(diff_ids: Sequence[Digest], chains: Iterable[Sequence[str]]) -> frozenset[Digest]:
    """Return the layers of an image that an engine has *in the chain below them*, which is all that it can reuse.

    A layer that lies in one image on two different chains is sent.
    """
    longest = 0
    for chain in chains:
        length = 0
        while length < min(len(chain), len(diff_ids)) and chain[length] == diff_ids[length]:
            length += 1
        longest = max(longest, length)
    return frozenset(diff_ids[:longest]) - frozenset(diff_ids[longest:])


class EngineImages:
    """Looks at the images of one engine; changes none. `layer` takes one layer out of an image."""

    def __init__(self, client: docker.APIClient) -> None:
        self._client = client

    def inspect(self, name: str) -> Mapping[str, Any]:
        """Return what the engine shows of an image, nothing where it has none of this name."""
        try:
            found: Mapping[str, Any] = self._client.inspect_image(name)  # type: ignore[no-untyped-call]
        except docker.errors.NotFound:
            return {}
        except docker.errors.APIError as error:
            if error.response is not None and error.response.status_code == HTTPStatus.BAD_REQUEST:
                return {}  # no name for an image at all
            raise
        return found

    def history(self, name: str, layers: int) -> list[str]:
        """Return what made each of the `layers` of an image, lowest first; of those it is silent about, nothing."""
        steps = list(reversed(self._client.history(name)))  # type: ignore[no-untyped-call]
        # Steps that made no layer (ENV, LABEL) are listed too, and not told apart from layers of links, whose size is
        # zero as well. They are of whoever derived the image, so they are the topmost of these.
        empty = [number for number, step in enumerate(steps) if not step.get("Size")]
        left_out = set(empty[len(empty) - max(len(steps) - layers, 0) :])
        found = [str(step.get("CreatedBy", "")) for number, step in enumerate(steps) if number not in left_out]
        return [*found, *[""] * layers][:layers]

    def layer(self, name: str, diff_id: Digest) -> Iterator[bytes]:
        """Give one uncompressed layer of an image in pieces. Raises `ImageLayerError` where the engine does not."""
        archive = self._client.get_image(name)
        # Engines from 25 on save by digest; whoever takes the layer compares it.
        with tarfile.open(fileobj=Stream(archive), mode="r|") as saved:  # type: ignore[call-overload]
            for member in saved:
                if member.name.rpartition("/")[2] == diff_id.hex and member.isreg():
                    content = saved.extractfile(member)
                    while content and (piece := content.read(_PIECE)):
                        yield piece
                    return
        raise ImageLayerError(name, diff_id)


class Stream:
    """What the engine sends, as a file that is read from front to back."""

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
