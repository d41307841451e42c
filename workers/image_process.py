"""Computes images for the checker, each in a process of its own: one that takes too long ends only that process.

Strangers can ask for images, and the checker keeps what it has proven about releases in its own memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from farm.errors import FarmError
from farm.trust.attestation.check_results import CheckedImage
from workers.refusals import REFUSED_EXIT, read_refusal

if TYPE_CHECKING:
    from pathlib import Path

    from farm.trust.attestation.image_request import AskedImage

_MORE = 1.1
"""How much longer this waits than the process's own limit: the log then shows its stack."""


class ImageProcess:
    """Asks `workers.checked_images` about what is published in `repository`, for at most `seconds` each time."""

    def __init__(self, repository: Path, ledger: Path, seconds: float) -> None:
        self._command = [
            sys.executable,
            "-P",
            "-m",
            "workers.checked_images",
            str(repository),
            str(ledger),
            f"{seconds}",
        ]
        self._seconds = seconds

    def make(self, asked: AskedImage) -> CheckedImage:
        """Return the image. Raises the process's refusal, `InvalidAnswerError`, and `FarmError` (`broken-image`)."""
        # A killed process leaves its files behind; they go with the folder.
        with TemporaryDirectory(prefix="farm-images-") as folder:
            try:
                ended = subprocess.run(
                    self._command,
                    input=asked.to_json(),
                    stdout=subprocess.PIPE,
                    timeout=self._seconds * _MORE,
                    env=os.environ | {"TMPDIR": folder},
                    check=False,
                )
            except subprocess.TimeoutExpired as error:
                raise _broken(asked, f"was not computed within {self._seconds:g} seconds") from error
        if ended.returncode == REFUSED_EXIT:
            raise read_refusal(ended.stdout)
        if ended.returncode:
            raise _broken(asked, f"was not computed in time: its process ended with status {ended.returncode}")
        return CheckedImage.from_json(ended.stdout)


def _broken(asked: AskedImage, why: str) -> FarmError:
    return FarmError(
        f"the image of {', '.join(asked.packages)} of release {asked.number} of {asked.channel} {why}",
        remedy="The checker's log (log/checker.log) may say where it was.",
        code="broken-image",
    )
