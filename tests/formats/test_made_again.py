"""The current code makes exactly the bytes that were made then, from the first key to the last signature.

The bytes compared here also depend on the helpers of other tests and on the compression libraries. Where one of
these changes, so that other bytes mean the same, a part may leave this list: its fixture stays, and is read.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.formats.make.__main__ import PARTS
from tests.threats.simulator import needs_faketime

# In `farm` and `command` threads alternate in drawing random values; `identities` are of the recipes of their day,
# `rows` of the schema of theirs, `home` of the records, and `processes` of the signer's messages.
ALIKE = [part for part in PARTS if part not in ("farm", "command", "identities", "rows", "home", "processes")]


@needs_faketime
@pytest.mark.parametrize("part", ALIKE)
def test_a_part_is_made_as_it_was(part: str) -> None:
    command = [sys.executable, "-m", "tests.formats.make", part, "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
