"""Who may sign approvals and submissions: groups of named people with their ed25519 public keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farm.core.files import values
from farm.core.files.document import parse
from farm.core.files.fields import AS_WRITTEN, read_pairs, read_parsed
from farm.core.files.matching import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farm.core.files.document import Observe

CURATORS = "curators.yaml"

_KEY = re.compile(r"[0-9a-f]{64}")


def read_curators(text: bytes, file: str, *, observe: Observe | None = None) -> Mapping[str, Mapping[str, str]]:
    """Read `curators.yaml`: public keys (64 hexadecimal digits) by name, by group. Raises `RecipeError`."""
    document, root = parse(text, file, observe=observe)
    groups: dict[str, dict[str, str]] = {}
    holders: dict[str, str] = {}
    for group, people in read_pairs(document, root, CURATORS):
        name = read_parsed(document, group, "the name of a group", values.word)
        listed = read_pairs(document, people, f"the group {group.text}")
        if people.kind != "mapping" or name is None:
            continue
        members = groups.setdefault(name, {})
        for person, key in listed:
            who = read_parsed(document, person, "a person's name", values.word)
            hexadecimal = read_parsed(document, key, f"the key of {person.text}", _public_key, AS_WRITTEN)
            if who is None or hexadecimal is None:
                continue
            # One key under two names would count as two people.
            if holders.setdefault(hexadecimal, who) != who:
                document.report(
                    key, f"{who} and {holders[hexadecimal]} have the same key", "Give each person a key of their own."
                )
            members[who] = hexadecimal
    return document.finished(groups)


def keys_by_person(curators: Mapping[str, Mapping[str, str]]) -> Mapping[str, frozenset[str]]:
    """Return the keys of each person, from all groups."""
    keys: dict[str, set[str]] = {}
    for members in curators.values():
        for who, key in members.items():
            keys.setdefault(who, set()).add(key)
    return {who: frozenset(found) for who, found in keys.items()}


def unambiguous_keys(curators: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """Return each person's key; people with different keys in different groups are left out."""
    return {who: next(iter(keys)) for who, keys in keys_by_person(curators).items() if len(keys) == 1}


def _public_key(text: str) -> str:
    if not _KEY.fullmatch(text):
        raise InvalidValueError(
            "a key should be 64 lower-case hexadecimal digits",
            remedy="Take it from the .pub file of the person's ed25519 key: `public` in it.",
        )
    return text
