"""The ways to load packages into a Docker Engine as an image: the farm's, and the peers', from the same archives.

Counts the bytes that each sends to the engine, and removes all its results from the engine.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farm.container.image_store import ImageStore
from farm.core.names.platform import Platform
from farm.core.sets.composition.compose import compose
from farm.oci.image import image_from
from farm.oci.image_archive import image_archive
from farm.oci.image_config import ImageConfig
from farm.oci.layout import write_layout
from script.benchmarks.measurement import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import docker

    from farm.core.names.digest import Digest
    from farm.oci.image import OciImage
    from farm.store.blobs import BlobStore
    from script.benchmarks.material import SamplePackage

REPOSITORY = "farm-measured"
_LABEL = "farm-measured"
_CLEARING_SECONDS = 10
_CONTEXT = re.compile(r"(?:transferring context:|Sending build context to Docker daemon) +([0-9.]+)([kMG]?B)")
_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@dataclass
class EngineImages:
    """One engine; `sent` holds the bytes of the last image by contender."""

    client: docker.APIClient
    store: BlobStore
    directory: Path
    sent: dict[str, float] = field(default_factory=dict)
    _build_cache: frozenset[str] = frozenset()
    _storage: Path = Path()

    def __post_init__(self) -> None:
        self._build_cache = self._build_records()
        self._storage = Path(tempfile.gettempdir()) / f"farm-measured-buildah-{os.getpid()}"

    def compose(self, packages: Sequence[SamplePackage]) -> OciImage:
        """Compose the packages to an image in the store."""
        composition = compose((package.descriptor, package.captured.manifest) for package in packages)
        labels = ((_LABEL, "1"),)
        config = ImageConfig(Platform.parse("linux/amd64"), command=("/usr/bin/sample00-0",), labels=labels)
        return image_from(composition, [package.archive for package in packages], config, self.store)

    def farm(self, packages: Sequence[SamplePackage]) -> None:
        """Compose and load, as `farm image build` does."""
        self.sent["farm"] = 0
        image, reference = self.compose(packages), f"{REPOSITORY}:farm"
        archive = partial(image_archive, image, self.store, reference=reference)
        ImageStore(self.client).load(image, partial(self._counted, archive), reference=reference)

    def farm_layout(self, packages: Sequence[SamplePackage]) -> None:
        """Compose to a directory for other programs, as `farm image build --no-load --output` does."""
        write_layout(self.compose(packages), self.store, self.directory / "layout", reference=f"{REPOSITORY}:layout")

    def _counted(
        self, archive: partial[Iterator[bytes]], *, without: frozenset[Digest], plain: bool
    ) -> Iterable[bytes]:
        for piece in archive(without=without, plain=plain):
            self.sent["farm"] += len(piece)
            yield piece

    def one_tar_per_layer(self, name: str, packages: Sequence[SamplePackage]) -> None:
        """Load with `docker load` a tar of a tar for each package, made from the trees as nixpkgs' dockerTools does."""
        work = self._work("layers")
        diff_ids, layers = [], []
        for package in packages:
            layer = work / f"{package.name}.tar"
            subprocess.run(
                [*_TAR, "-cf", layer, f"--transform=s,^\\.,./packages/{package.store},", "-C", package.tree, "."],
                check=True,
            )
            with layer.open("rb") as file:
                diff_ids.append(f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}")
            layers.append(layer.name)
        config: dict[str, Any] = {"architecture": "amd64", "os": "linux", "config": {"Labels": {_LABEL: "1"}}}
        config["rootfs"] = {"type": "layers", "diff_ids": diff_ids}
        (work / "config.json").write_text(json.dumps(config))
        manifest = [{"Config": "config.json", "RepoTags": [f"{REPOSITORY}:layers"], "Layers": layers}]
        (work / "manifest.json").write_text(json.dumps(manifest))
        self.sent[name] = sum(path.stat().st_size for path in work.iterdir())
        command = ["bash", "-o", "pipefail", "-c", "tar -cf - -- * | docker load --quiet"]
        subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)

    def write_context(self, packages: Sequence[SamplePackage]) -> None:
        """Write the directory that `docker_build` builds: an ADD for each package, so that each can be cached.

        The archives are uncompressed: the legacy builder, given a .tar.zst, leaks a decoder in the engine
        (moby `IsArchivePath`: a `zstd.Decoder` is no `io.Closer`), which may take the whole engine down.
        """
        work = self._work("context")
        lines = ["FROM scratch", f"LABEL {_LABEL}=1"]
        for package in packages:
            blob = self.store.path(package.captured.archive.digest)
            run(["zstd", "-q", "-d", blob, "-o", work / f"{package.name}.tar"])
            lines.append(f"ADD {package.name}.tar /")
        (work / "Dockerfile").write_text("\n".join(lines) + "\n")

    def write_merged_context(self, packages: Sequence[SamplePackage]) -> None:
        """Write a context whose image has all packages in one layer, like a `RUN apt-get install` of all of them."""
        work = self._work("context")
        (work / "all").mkdir()
        for package in packages:
            run(["cp", "-al", f"{package.tree}/.", work / "all"])
        (work / "Dockerfile").write_text(f"FROM scratch\nLABEL {_LABEL}=1\nCOPY all /\n")

    def buildah_build(self) -> None:
        """Run `buildah build` in the context. Its images go into a storage of its own, on the disk as the engine's do.

        The Dockerfile runs no command, so the isolation does not matter; `chroot` requires least of a host.
        """
        options = ["--storage-driver=overlay", f"--root={self._storage / 'root'}", f"--runroot={self._storage / 'run'}"]
        build = ["build", "--quiet", "--layers", "--isolation=chroot", f"--tag={REPOSITORY}:build", "."]
        run(["buildah", *options, *build], cwd=self.directory / "context")

    def docker_build(self, name: str, *, kit: bool) -> None:
        """Run `docker build` in the context, with BuildKit or the legacy builder."""
        command = ["docker", "build", "--network=none", "--force-rm", f"--tag={REPOSITORY}:build", "."]
        if kit:
            command.insert(2, "--progress=plain")
        done = subprocess.run(
            command,
            cwd=self.directory / "context",
            check=True,
            env={**os.environ, "DOCKER_BUILDKIT": str(int(kit))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # Both builders count up; the last figure is the total.
        self.sent[name] = [float(number) * _UNITS[unit] for number, unit in _CONTEXT.findall(done.stdout)][-1]

    def clear(self) -> None:
        """Remove the images, and the records that these builds have added to the build cache."""
        # By the label, because an image that was replaced, or whose build was interrupted, has no name.
        for image in self.client.images(filters={"label": _LABEL}, quiet=True):
            self.client.remove_image(image, force=True)
        self._clear_build_cache()
        for path in (*map(self.directory.joinpath, ("layers", "context", "layout")), self._storage):
            shutil.rmtree(path, ignore_errors=True)

    def _clear_build_cache(self) -> None:
        # Records of a build that was interrupted are in use until the engine has noticed.
        end = time.monotonic() + _CLEARING_SECONDS
        while (left := self._build_records() - self._build_cache) and time.monotonic() < end:
            for record in left:
                # One by one, because the engine takes no two ids at once; a record goes with the one it depends on.
                self.client.prune_builds(filters={"id": [record]}, all=True)  # type: ignore[arg-type]  # the stubs lack it

    def _build_records(self) -> frozenset[str]:
        return frozenset(record["ID"] for record in self.client.df()["BuildCache"] or ())

    def _work(self, name: str) -> Path:
        work = self.directory / name
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        return work


_TAR = ("tar", "--sort=name", "--mtime=@1", "--owner=0", "--group=0", "--numeric-owner")
