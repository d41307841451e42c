"""Globs over package paths, as recipes write them for outputs and plugins."""

from __future__ import annotations

from fnmatch import fnmatchcase


def matches(pattern: str, path: str) -> bool:
    """Return whether `path` matches: `*`, `?` and `[…]` stay within a component, `**` is any number of components.

    A pattern that matches a directory also matches everything below it: `include` means `include/**`. Time is bounded
    by the product of the two lengths; no pattern is slow.
    """
    parts = pattern.rstrip("/").split("/")
    # Positions in the pattern that the path read so far can have reached.
    positions = _past_stars(parts, {0})
    for component in path.split("/"):
        positions = _past_stars(
            parts,
            {
                position if parts[position] == "**" else position + 1
                for position in positions
                if position < len(parts) and (parts[position] == "**" or fnmatchcase(component, parts[position]))
            },
        )
        if len(parts) in positions:
            return True
    return False


def _past_stars(parts: list[str], positions: set[int]) -> set[int]:
    reached = set(positions)
    for position in sorted(positions):
        following = position
        while following < len(parts) and parts[following] == "**":
            following += 1
            reached.add(following)
    return reached
