"""Text from strangers on a terminal: control characters, and with them escape sequences, are shown, not obeyed."""

from __future__ import annotations


def inert(text: str) -> str:
    """Return `text` with everything that a terminal would obey spelt out; tabs stay."""
    return "".join(each if each.isprintable() or each == "\t" else f"\\x{ord(each):02x}" for each in text)
