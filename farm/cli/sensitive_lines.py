"""What the verbs say of sensitive files that come with packages, or are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.root.sensitive_additions import SensitiveAdditions


def sensitive_lines(brought: Iterable[SensitiveAdditions]) -> list[str]:
    """Return a line for the files of one package that do the same for one reason."""
    return [f"note: {files}" for files in brought]
