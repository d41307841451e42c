"""Every table and column that feeds a release is edited in an attacker's favour: nothing wrong is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.server.tables.schema import METADATA
from tests.attack import (
    columns_of_channels,
    columns_of_curation,
    columns_of_git,
    columns_of_notifications,
    columns_of_packages,
    columns_of_previews,
    columns_of_work,
)
from tests.attack.attacks import goes_on
from tests.attack.editing import Edit, Feeds, carry_out, put_back, rows_of
from tests.attack.oracle import names_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.attack.attacks import Range

TABLES = {
    **columns_of_work.COLUMNS,
    **columns_of_packages.COLUMNS,
    **columns_of_channels.COLUMNS,
    **columns_of_curation.COLUMNS,
    **columns_of_notifications.COLUMNS,
    **columns_of_previews.COLUMNS,
    **columns_of_git.COLUMNS,
}
EDITS = {
    edit: f"{table}.{column}: {edit.what}"
    for table, columns in reversed(TABLES.items())
    for column, feeds in reversed(columns.items())
    if isinstance(feeds, Feeds)
    for edit in feeds.edits
}


def test_every_column_is_classified() -> None:
    schema = {table.name: set(table.columns.keys()) for table in METADATA.tables.values()}
    assert {table: set(columns) for table, columns in TABLES.items()} == schema


@pytest.mark.parametrize("edit", [pytest.param(edit, id=EDITS[edit]) for edit in reversed(EDITS)])
def test_an_edit_gets_nothing_wrong_signed_and_honest_work_goes_on(
    edit: Edit, attack_range: Range, tmp_path: Path
) -> None:
    farm = attack_range.copy(tmp_path / "farm")
    try:
        before = rows_of(farm.folder)
        carry_out(farm, edit, attack_range.facts)
        edited = rows_of(farm.folder)
        farm.takes_up()
        farm.rests()
        assert attack_range.oracle.wrongs(farm.public) == []
        put_back(farm.folder, before, edited)
        goes_on(farm)
        assert attack_range.oracle.wrongs(farm.public) == []
        assert {"next", "after"} <= names_in(farm.public, attack_range.oracle.pinned, "edge").keys(), farm.errors[-3:]
    finally:
        farm.close()
