"""rattler-build as a peer: installed for one workload, run with the farm's toolchain, a channel in a directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from script.benchmarks.measurement import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HERE = Path(__file__).parent
_PROGRAM = "rattler_recipe.py"
_PLACE = Path("/bench")
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


class RattlerBuild:
    """Builds recipes in `directory`, in a mount namespace whose `/usr` is the toolchain's: with the same compiler.

    It has no network. It builds directly on this system otherwise: `directory` is `/bench`, and writable.
    """

    def __init__(self, directory: Path, toolchain: Path) -> None:
        """Install the locked version below `directory`, from the package index of this host's pip."""
        self._directory = directory
        self._toolchain = toolchain
        self.processor = 0.0
        """The processor seconds of all builds so far."""
        for name in ("channel", "home"):
            (directory / name).mkdir(parents=True)
        lock = _HERE / "rattler-build.lock"
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run([*pip, "--require-hashes", "--no-deps", "--requirement", lock, "--target", directory / "site"])
        (directory / _PROGRAM).write_bytes((_HERE / _PROGRAM).read_bytes())

    def add_source(self, name: str, content: bytes) -> str:
        """Add an archive to build from; return its path in the namespace."""
        (self._directory / "sources").mkdir(exist_ok=True)
        (self._directory / "sources" / name).write_bytes(content)
        return str(_PLACE / "sources" / name)

    def write_recipe(self, name: str, files: Mapping[str, str]) -> None:
        """Write the files of a recipe, `recipe.yaml` among them."""
        place = self._directory / "recipes" / name
        place.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (place / file).write_text(content)

    def build(self, name: str) -> None:
        """Build and test a recipe. Raises `subprocess.CalledProcessError`, whose message has what it printed."""
        recipe = _PLACE / "recipes" / name / "recipe.yaml"
        command = [*self._namespace(), "python3", _PLACE / _PROGRAM, recipe, _PLACE / "channel"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"rattler-build failed to build {name}: {done.stderr}")
        self.processor += float(done.stdout)

    def _namespace(self) -> Sequence[str | Path]:
        links = [word for name in ("bin", "lib", "lib64", "sbin") for word in ("--symlink", f"usr/{name}", f"/{name}")]
        roots = [word for name in ("usr", "etc") for word in ("--ro-bind", self._toolchain / name, f"/{name}")]
        variables = {
            "HOME": _PLACE / "home",
            "PATH": "/usr/bin:/usr/sbin",
            "PYTHONPATH": _PLACE / "site",
            # It starts with none, although it fetches nothing.
            "SSL_CERT_FILE": _PLACE / "certificates",
        }
        set_variables = [word for name, value in variables.items() for word in ("--setenv", name, str(value))]
        return [
            *("bwrap", "--die-with-parent", "--unshare-all", "--clearenv", *roots, *links),
            *("--bind", self._directory, _PLACE, "--ro-bind", _CERTIFICATES, _PLACE / "certificates"),
            *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", *set_variables),  # noqa: S108
        ]
