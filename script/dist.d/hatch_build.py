"""Puts into the wheel what `share_files.py` beside this has written, where it has: man pages, and completion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SharedFiles(BuildHookInterface[Any]):
    """An editable installation, and one from a clone, go without."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(self.root, "share")
        if version == "standard" and folder.is_dir():
            build_data["shared_data"][str(folder)] = "share"
