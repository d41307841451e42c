"""apt with a root, lists and a cache of its own, so that it neither reads nor changes those of the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from script.benchmarks.measurement import run

if TYPE_CHECKING:
    from pathlib import Path


class AptRoot:
    """An empty system below `directory` whose one source is a flat, unsigned repository."""

    def __init__(self, directory: Path, address: str) -> None:
        for name in ("apt/lists/partial", "dpkg/info", "dpkg/updates"):
            (directory / "var/lib" / name).mkdir(parents=True)
        for name in ("etc/apt/preferences.d", "etc/apt/apt.conf.d", "var/cache/apt/archives/partial", "var/log/apt"):
            (directory / name).mkdir(parents=True)
        status = directory / "var/lib/dpkg/status"
        status.touch()
        (directory / "etc/apt/sources.list").write_text(f"deb [trusted=yes] {address} ./\n")
        self._options = [
            f"Dir={directory}", f"Dir::State::status={status}", "APT::Sandbox::User=root", "Acquire::Languages=none",
            "APT::Architecture=amd64", f"DPkg::Options::=--root={directory}", "DPkg::Options::=--force-unsafe-io",
        ]  # fmt: skip

    def get(self, *arguments: str) -> None:
        """Run `apt-get`, with yes to all questions."""
        run(["apt-get", "-qq", "-y", *(word for option in self._options for word in ("-o", option)), *arguments])


def index_repository(directory: Path) -> None:
    """Write `Packages.xz`, next to the existing `Packages`, and `Release`."""
    run(["xz", "--keep", "-T0", "Packages"], cwd=directory)
    run(["sh", "-c", "apt-ftparchive release . >../Release && mv ../Release ."], cwd=directory)
