"""What the environment says: read here, once, and passed on as values."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are; `FARM_STATE`, `FARM_RECIPES`, `FARM_URL`, `FARM_TOKEN` and `DOCKER_HOST` say otherwise.

    An empty `docker` is the machine's own engine.
    """

    state: Path
    recipes: Path
    url: str
    token: str
    docker: str

    @classmethod
    def from_environment(cls) -> Settings:
        """Read the environment; defaults follow the XDG base directory specification."""
        xdg_state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return cls(
            state=Path(os.environ.get("FARM_STATE") or Path(xdg_state) / "farm").absolute(),
            recipes=Path(os.environ.get("FARM_RECIPES") or "recipes").absolute(),
            url=os.environ.get("FARM_URL", "http://127.0.0.1:8460"),
            token=os.environ.get("FARM_TOKEN", ""),
            docker=os.environ.get("DOCKER_HOST", ""),
        )
