"""The links of late-bound runs: `STATE/links/<digest of the composition>`, made once and mounted by every run of it.

They are never changed, because running processes may have them mounted. An altered directory is renamed to
`<digest>.<token>`, and a new one made.
"""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from farm.container.environment import are_rendered, render_links
from farm.store.locks import locked

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from farm.core.sets.composition.compose import Composition

_FOLDER, _NEW, _LOCK = "links", ".new", ".lock"


def links_directory(state: Path, composition: Composition) -> Path:
    """Return the directory with a composition's links; made now unless it exists and is intact. Raises `OSError`.

    The caller holds `Host.in_use` until the run is recorded with the directory's name.
    """
    folder, forest = state / _FOLDER, composition.forest
    place = folder / composition.digest.hex
    if not are_rendered(place, forest):
        with locked(folder / _LOCK):
            if not are_rendered(place, forest):  # otherwise another run was faster
                new = folder / _NEW
                shutil.rmtree(new, ignore_errors=True)
                new.mkdir()
                render_links(new, forest)
                with suppress(FileNotFoundError):
                    place.rename(place.with_name(f"{place.name}.{secrets.token_hex(8)}"))
                new.rename(place)
    return place


def unused_links(state: Path, names: Collection[str]) -> tuple[Path, ...]:
    """Return the directories of links, renamed or not, of compositions that are not among `names`."""
    found = sorted((state / _FOLDER).glob("[!.]*"))
    return tuple(path for path in found if path.name.partition(".")[0] not in names)
