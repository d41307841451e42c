"""What a build opened of a dependency, as a value: kinds, bounds, and its JSON form."""

from __future__ import annotations

from typing import Any

import pytest

from farm.core.names.digest import Digest
from farm.core.names.form import InvalidRecordError
from farm.core.names.package_name import PackageName
from farm.core.plan.consumption import MOST_PATHS, Consumption, OpenedFiles

ZLIB = PackageName("dist.example.org", "zlib")
TREE = Digest.of(b"zlib")
STATIC = OpenedFiles.of(["lib/libz.a"])
HEADERS = OpenedFiles.of(["include/zlib.h", "include/zconf.h"])


@pytest.mark.parametrize(
    ("consumption", "kinds"),
    [
        (Consumption(ZLIB, TREE), ()),
        (Consumption(ZLIB, TREE, static=STATIC), ("static",)),
        (Consumption(ZLIB, TREE, headers=HEADERS), ("headers",)),
        (Consumption(ZLIB, TREE, STATIC, HEADERS), ("static", "headers")),
        (Consumption(ZLIB, TREE, is_known=False), ("unknown",)),
    ],
)
def test_its_kinds_survive_json(consumption: Consumption, kinds: tuple[str, ...]) -> None:
    assert consumption.kinds == kinds
    assert Consumption.from_json_value(ZLIB, TREE, consumption.to_json_value()) == consumption


def test_the_order_in_which_files_were_opened_does_not_show() -> None:
    assert OpenedFiles.of(["b", "a", "b"]) == OpenedFiles.of(["a", "b"]) == OpenedFiles(2, ("a", "b"))


def test_a_long_list_is_cut_at_its_end_and_still_counted() -> None:
    opened = OpenedFiles.of(f"include/{number:04}.h" for number in range(MOST_PATHS * 3))
    assert opened.count == MOST_PATHS * 3
    assert len(opened.first) == MOST_PATHS
    assert opened.first[-1] == f"include/{MOST_PATHS - 1:04}.h"
    assert OpenedFiles.from_dict(opened.to_dict()) == opened


@pytest.mark.parametrize(
    "value",
    [
        None,
        "everything",
        {},
        {"static": {"count": 0, "first": []}},
        {"static": {"count": 0, "first": ["lib/libz.a"]}, "headers": {"count": 0, "first": []}},
        {"static": {"count": 2, "first": ["lib/libz.a"]}, "headers": {"count": 0, "first": []}},
        {"static": {"count": -1, "first": []}, "headers": {"count": 0, "first": []}},
        {"static": {"count": 0, "first": []}, "headers": {"count": 0, "first": []}, "more": 1},
    ],
)
def test_what_contradicts_itself_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRecordError):
        Consumption.from_json_value(ZLIB, TREE, value)
