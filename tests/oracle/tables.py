"""Hand-written lists: the proof's false alarms with their reasons, and what the linker does not judge."""

from __future__ import annotations

FALSE_ALARMS = {
    "drop: without a value own": (
        "A definition without a value is none, so the proof takes it for an import of the library's own, too; whether "
        "the library refers to it is in relocations, which the facts do not have. The set is refused anyway."
    ),
    "path: library of another machine": (
        "The proof also misses what the foreign library itself needs, which no linker is asked for. The set is "
        "refused anyway."
    ),
}
"""Kinds of mutation about which the proof reports what the linker does not. A kind that no longer occurs is removed."""

MISMATCHES = {
    "retype: function to object": "class-mismatch",
    "retype: function to thread's variable": "class-mismatch",
    "retype: object to function": "class-mismatch",
    "retype: object to thread's variable": "class-mismatch",
    "retype: function to indirect function": "",  # one class: what is called is what the resolver returns
    "retype: function to no type": "",  # no meaning, as in assembler output
    "retype: object to no type": "",
    "retype: protected, copied": "protected-copy",
    "retype: protected, not copied": "",
    "resize: copied object grows": "size-mismatch",
    "resize: copied object shrinks": "size-mismatch",
    "resize: other object grows": "",  # no program has reserved space for it
}
"""The problem expected of the file that imports the symbol; none if empty. The linker continues, at most
with a warning, or crashes.
"""
