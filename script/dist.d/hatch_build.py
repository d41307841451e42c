"""Adds the output of `share_files.py` to the wheel, if there is any: man pages, and completion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class SharedFiles(BuildHookInterface[Any]):
    """An editable installation, and one from a clone, have no such files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(self.root, "share")
        if version == "standard" and folder.is_dir():
            build_data["shared_data"][str(folder)] = "share"
