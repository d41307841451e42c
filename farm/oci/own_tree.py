"""A directory of the user's own, as it goes into an image or a package: what is ignored is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.oci.ignore_rules import IgnoreRules
from farm.store.errors import UnfitTreeError
from farm.store.scan import scan_tree

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.fileset.manifest import Manifest


def scan_own_tree(directory: Path, rules: IgnoreRules | None = None, *, absolute_links: bool = False) -> Manifest:
    """Return what lies in a directory, as `scan_tree` does; `rules` are those of its `.farmignore` unless given.

    Raises `UnfitTreeError`, in words for whoever the files belong to, and `IgnoreFileError`.
    """
    rules = rules or IgnoreRules.of(directory)
    try:
        return scan_tree(directory, absolute_links=absolute_links, leaves_out=rules.leaves_out)
    except UnfitTreeError as error:
        links = "links" if absolute_links else "links to places in it"
        raise UnfitTreeError(
            error.problems,
            what=f"{directory} holds what can be in no image or package",
            remedy=f"Remove it, or leave it out with a line in {directory / '.farmignore'}: files, directories and "
            f"{links} can be in one.",
        ) from error
