"""The same image the usual way: a Dockerfile on a base of Debian, with packages from a local apt repository.

The repository holds Debian's own packages, by their signed digests, and nothing is fetched while an image is built.
An update is like a security update: every package of the source has a newer version, and the image is rebuilt.
"""

from __future__ import annotations

import gzip
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farm.build.toolchain.apt import Apt, PoolFile
from farm.cli.recipes_option import read_tree
from farm.cli.settings import Settings
from tests.client.web_server import serving
from tests.farms.running import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.recipe.toolchain import LockedDeb

_EXCLUDES = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
_DOCKERFILE = """\
FROM {base}
RUN echo 'deb [trusted=yes] {repository} ./' > /etc/apt/sources.list \\
 && apt-get update \\
 && apt-get upgrade -y \\
 && apt-get install -y --no-install-recommends {packages} \\
 && apt-get clean && rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log
CMD ["curl", "--version"]
"""


@dataclass(frozen=True)
class DebianImages:
    """Builds images of Debian packages; `base` is the image that they start from, with apt, without documentation."""

    folder: Path
    repository: str
    base: str
    packages: tuple[str, ...]

    def build(self, tag: str) -> None:
        """Build an image of the repository's current packages, without the cache of an earlier build."""
        context = self.folder / "context"
        context.mkdir(exist_ok=True)
        text = _DOCKERFILE.format(base=self.base, repository=self.repository, packages=" ".join(self.packages))
        (context / "Dockerfile").write_text(text)
        build = [
            "docker",
            "build",
            "--quiet",
            "--no-cache",
            "--force-rm",
            "--network=host",
            f"--tag={tag}",
            str(context),
        ]
        # Not BuildKit, whose cache is kept from one run of the tests to the next.
        subprocess.run(build, check=True, capture_output=True, env={**os.environ, "DOCKER_BUILDKIT": "0"})

    def update(self, *names: str) -> None:
        """Give packages of the repository a newer version, with the same files in them."""
        for name in names:
            (deb,) = self._pool.glob(f"{name}_*.deb")
            tree = self.folder / name
            subprocess.run(["dpkg-deb", "--raw-extract", deb, tree], check=True)
            control = tree / "DEBIAN" / "control"
            lines = control.read_text().splitlines()
            newer = [f"{line}+fix1" if line.startswith("Version:") else line for line in lines]
            control.write_text("\n".join(newer) + "\n")
            subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, deb], check=True, capture_output=True)
        _index(self._pool)

    @property
    def _pool(self) -> Path:
        return self.folder / "pool"


@contextmanager
def debian_images(folder: Path, base: str, packages: tuple[str, ...]) -> Iterator[DebianImages]:
    """Serve a repository with `packages` and all that they need, and make the base image with the name `base`.

    The base is removed at the end. Needs root; takes about half a minute.
    """
    pool = folder / "pool"
    pool.mkdir(parents=True)
    _download(("apt", *packages), pool)
    _index(pool)
    try:
        _make_base(folder, pool, base)
        with serving(pool) as repository:
            yield DebianImages(folder, repository, base, packages)
    finally:
        subprocess.run(["docker", "rmi", "--force", base], check=False, capture_output=True)


def _download(packages: tuple[str, ...], pool: Path) -> None:
    tree = read_tree(RECIPES)
    suite = next(toolchain.suite for toolchain in tree.toolchains.values())
    apt = Apt.of_machine(Settings.from_environment().host / "toolchains" / "apt", suite)
    debs: dict[PoolFile, LockedDeb] = {PoolFile(deb.filename, deb.digest): deb for deb in apt.resolve(packages)}
    assert not apt.download(debs, pool)
    for file, deb in debs.items():
        (pool / file.digest.hex).rename(pool / f"{deb.name}_{deb.architecture}.deb")


def _index(pool: Path) -> None:
    index = subprocess.check_output(["dpkg-scanpackages", "--multiversion", "."], cwd=pool, stderr=subprocess.DEVNULL)
    (pool / "Packages").write_bytes(index)
    (pool / "Packages.gz").write_bytes(gzip.compress(index))


def _make_base(folder: Path, pool: Path, base: str) -> None:
    root = folder / "base.tar"
    command = [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "mmdebstrap", "--quiet", "--mode=root"),
        *("--variant=apt", "--format=tar", '--aptopt=APT::Sandbox::User "root"'),
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDES),
        *("", str(root), f"deb [trusted=yes] copy:{pool} ./"),
    ]
    subprocess.run(command, check=True, capture_output=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    subprocess.run(["docker", "import", root, base], check=True, capture_output=True)
    root.unlink()
