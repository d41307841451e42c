"""What an installed Python distribution requires, compared with `importlib.metadata` of the real Python."""

from __future__ import annotations

from importlib.metadata import Distribution
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from farm.core.package.gather import gather_facts
from tests.core.package.trees import tree

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "lib/python3/dist-packages/say-1.egg-info"
PLAIN = "Metadata-Version: 1.1\nName: say\nVersion: 1\n"


@pytest.mark.parametrize(
    ("metadata", "requirements"),
    [
        (PLAIN, "gone>=1\nwords\n"),
        (PLAIN, 'six\n\n[fast]\nlz4\n\n[fast:python_version < "3.8"]\nbackport\n\n[:sys_platform == "win32"]\nwin\n'),
        (PLAIN, "far @ https://example.org/far.tar\n[more]\nfar[x] @ https://example.org/far.tar\n"),
        (PLAIN, "\n"),
        (f"{PLAIN}Requires-Dist: told\n", "gone\nfar\n"),
        (PLAIN, None),
    ],
)
def test_the_requirements_of_an_egg_are_those_that_python_finds(
    metadata: str, requirements: str | None, tmp_path: Path
) -> None:
    files = {f"{PLACE}/PKG-INFO": metadata} | ({f"{PLACE}/requires.txt": requirements} if requirements else {})
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    package = tree({path: text.encode() for path, text in files.items()})
    (found,) = gather_facts(package.manifest, package.read).python or ()
    asked = Distribution.at(tmp_path / PLACE).requires or []
    assert list(found.requires) == asked
    assert all(map(Requirement, found.requires))
