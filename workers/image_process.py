"""Has images worked out for the checker, each in a process of its own: one that takes too long ends that alone.

What the checker has proven of releases is in its memory, and strangers have images asked for.
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
"""How much longer it is waited for than the process gives itself: that says in the log where it was."""


class BrokenImageError(FarmError):
    """An image was not worked out: the process that was at it took too long, or ended by itself."""

    code = "broken-image"

    def __init__(self, asked: AskedImage, why: str) -> None:
        super().__init__(
            f"the image of {', '.join(asked.packages)} of release {asked.number} of {asked.channel} {why}",
            remedy="The checker's log (log/checker.log) may say where it was.",
        )


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
        """Return what an image is. Raises `BrokenImageError`, `RefusedByCheckerError`, `InvalidAnswerError`."""
        try:
            ended = self._run(asked.to_json())
        except subprocess.TimeoutExpired as error:
            raise BrokenImageError(asked, f"has not been worked out within {self._seconds:g} seconds") from error
        if ended.returncode == REFUSED_EXIT:
            raise read_refusal(ended.stdout)
        if ended.returncode:
            told = f"was not worked out, or not in time: its process ended with status {ended.returncode}"
            raise BrokenImageError(asked, told)
        return CheckedImage.from_json(ended.stdout)

    def _run(self, question: bytes) -> subprocess.CompletedProcess[bytes]:
        # What is half made goes with the folder, though nobody tidies up who is killed.
        with TemporaryDirectory(prefix="farm-images-") as folder:
            return subprocess.run(
                self._command,
                input=question,
                stdout=subprocess.PIPE,
                timeout=self._seconds * _MORE,
                env=os.environ | {"TMPDIR": folder},
                check=False,
            )
