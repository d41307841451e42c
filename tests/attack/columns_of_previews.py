"""Columns of previews, and of what pages look up: no release is made of them.

Packages of a preview become the farm's only as an accepted submission's: then they are rows of `package`, and the
checker reads from their signed provenance who built them from what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack.editing import Nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.attack.editing import Column

_PREVIEWED = Nothing("of previews: the preview key signs no metadata, and what is accepted is checked as any package")
_LOOKED_UP = Nothing("looked up for pages and errors: no decision about a release reads it")


def _all(columns: str, why: Nothing) -> dict[str, Column]:
    return dict.fromkeys(columns.split(), why)


COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "preview": _all("submission_id channel origin expires_at verdict release removed_at", _PREVIEWED),
    "preview_recipe": _all("preview name current_id built_id built_plan newest_plan base_id", _PREVIEWED),
    "preview_package": _all(
        "preview digest descriptor_size name version revision platform summary license tree archive archive_size "
        "manifest_size facts facts_size provenance provenance_size sbom sbom_size plan recipe attempt_id built_by "
        "built_at build same_as consumed",
        _PREVIEWED,
    ),
    "need": _all("channel user provider since until", _LOOKED_UP),
    "provided_file": _all("path package", _LOOKED_UP),
}
