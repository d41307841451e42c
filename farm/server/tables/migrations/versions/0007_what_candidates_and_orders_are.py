"""Candidates say where they come from, and orders how they ended, in columns of their own, not in words.

What an order is of is a fact: the candidate that it names. Words are read only where there is no other record, and then
only those that the farm itself has written, whole: the name of a channel in them cannot be taken for anything else.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_ORIGINS = {"promote": "promotion", "rollback": "rollback", "retry": "retry"}
_OF_RELEASE = re.compile(r"([a-z][a-z0-9-]*) release ([0-9]+)")
_ROLLBACK = re.compile(r"rollback to release ([0-9]+)")


def upgrade() -> None:
    _add("candidate", "origin VARCHAR NOT NULL DEFAULT 'collected'", "'collected', 'promotion', 'rollback', 'retry'")
    op.add_column("candidate", sa.Column("from_channel", sa.String(), nullable=False, server_default=""))
    op.add_column("candidate", sa.Column("from_number", sa.Integer(), nullable=False, server_default="0"))
    _add("curator_order", "ending VARCHAR", "'released', 'refused', 'nothing-to-do', 'withdrawn'")
    op.add_column("excuse", sa.Column("evidence", sa.Text(), nullable=False, server_default=""))
    op.add_column("excuse", sa.Column("under_way", sa.Boolean(), nullable=False, server_default=sa.false()))
    connection = op.get_bind()
    _fill_candidates(connection)
    _fill_orders(connection)
    # So it has been told apart until now: what waits for a rebuild that is at work has no remedy.
    connection.execute(
        sa.text("UPDATE excuse SET under_way = :yes WHERE gate = 'reproduced' AND remedy = ''"), {"yes": True}
    )
    op.drop_column("candidate", "source")


def _add(table: str, column: str, among: str) -> None:
    name = column.partition(" ")[0]
    op.execute(f"ALTER TABLE {table} ADD COLUMN {column} CONSTRAINT ck_{table}_{name} CHECK ({name} IN ({among}))")


def _fill_candidates(connection: sa.Connection) -> None:
    ordered = {
        each.candidate_id: each.kind
        for each in connection.execute(
            sa.text("SELECT candidate_id, kind FROM curator_order WHERE candidate_id IS NOT NULL")
        )
    }
    for each in connection.execute(sa.text("SELECT id, source, state, channel FROM candidate")).all():
        origin = _ORIGINS.get(ordered.get(each.id, ""), "collected")
        taken, went_back = _OF_RELEASE.fullmatch(each.source), _ROLLBACK.fullmatch(each.source)
        if went_back and each.id not in ordered and each.state != "open":
            origin = "rollback"  # it was given up, and its order has a later candidate
        if origin == "rollback" and went_back:
            channel, number = each.channel, int(went_back[1])
        else:
            channel, number = (taken[1], int(taken[2])) if taken else ("", 0)
        connection.execute(
            sa.text(
                "UPDATE candidate SET origin = :origin, from_channel = :channel, from_number = :number WHERE id = :id"
            ),
            {"origin": origin, "channel": channel, "number": number, "id": each.id},
        )


def _fill_orders(connection: sa.Connection) -> None:
    done = sa.text(
        "SELECT curator_order.id, curator_order.outcome, candidate.state FROM curator_order "
        "LEFT JOIN candidate ON candidate.id = curator_order.candidate_id WHERE curator_order.done_at IS NOT NULL"
    )
    for each in connection.execute(done).all():
        if each.state in ("released", "refused"):
            ending = each.state
        elif each.state == "superseded":
            ending = "withdrawn"  # nothing else ends an order whose candidate was given up
        else:  # it never had a candidate: these are the only three outcomes that were written then
            begins = {"nothing to do": "nothing-to-do", "refused": "refused"}
            ending = next(
                (kind for words, kind in begins.items() if each.outcome.startswith(f"{words}: ")), "withdrawn"
            )
        connection.execute(
            sa.text("UPDATE curator_order SET ending = :ending WHERE id = :id"), {"ending": ending, "id": each.id}
        )
