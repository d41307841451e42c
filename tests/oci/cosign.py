"""cosign as Debian has it, run as a stranger would: without a transparency log, and with registries on the loopback."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

needs_cosign = pytest.mark.skipif(shutil.which("cosign") is None, reason="needs cosign: script/bootstrap --test")


@dataclass(frozen=True)
class Cosign:
    """Runs it in a directory of its own, whose `key` and other files commands name."""

    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(self.folder), "PATH": os.defpath, "COSIGN_PASSWORD": ""}
        return subprocess.run(
            ["cosign", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )

    def tree(self, image: str) -> str:
        done = self.run("tree", "--allow-http-registry", image)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sbom(self, image: str) -> dict[str, Any]:
        done = self.run("download", "sbom", "--allow-http-registry", image)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def verify(self, image: str, key: Path, kind: str = "spdxjson", *options: str) -> list[dict[str, Any]]:
        """Return the statements that a key has signed about an image; none where cosign refuses."""
        asked = ("--key", str(key), "--type", kind, "--insecure-ignore-tlog", "--allow-http-registry")
        done = self.run("verify-attestation", *asked, *options, image)
        assert done.returncode == 0 or not done.stdout
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return [json.loads(base64.b64decode(line["payload"])) for line in lines]
