"""Candidates and releases keep what changes instead of whole sets; excuses stay; what curators decide has its rows."""

from __future__ import annotations

import json
from collections import defaultdict

import sqlalchemy as sa
from alembic import op

from farm.server.tables.columns import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _new_columns()
    _new_tables()
    _foreign_tables()
    connection = op.get_bind()
    bases = _keep_memberships(connection)
    _keep_changes(connection, bases)
    op.drop_table("candidate_member")
    op.drop_table("release_member")
    _renew_excuses(connection)


def _new_columns() -> None:
    op.add_column("channel", sa.Column("frozen_until", UtcDateTime(), nullable=True))
    op.add_column("channel", sa.Column("frozen_by", sa.String(), nullable=False, server_default=""))
    op.add_column("candidate", sa.Column("base_number", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("candidate", sa.Column("source", sa.String(), nullable=False, server_default=""))
    op.add_column("candidate", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    op.add_column("release", sa.Column("packages", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("package", sa.Column("sbom", sa.String(), nullable=False, server_default=""))
    op.add_column("package", sa.Column("sbom_size", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("job", sa.Column("rebuild", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("recipe", sa.Column("built_at", UtcDateTime(), nullable=True))
    op.create_index("ix_recipe_built_at", "recipe", ["built_at"], unique=False)
    op.execute("UPDATE recipe SET built_at = (SELECT max(built_at) FROM package WHERE plan = recipe.built_plan)")


def _keep_memberships(connection: sa.Connection) -> dict[str, list[tuple[int, int | None, dict[str, str]]]]:
    """Turn the sets of all releases into intervals; return number, candidate and set of each, by channel."""
    found: dict[str, list[tuple[int, int | None, dict[str, str]]]] = defaultdict(list)
    releases = connection.execute(sa.text("SELECT id, channel, number, candidate_id FROM release ORDER BY number"))
    for identity, channel, number, candidate in releases.all():
        rows = connection.execute(
            sa.text("SELECT name, package FROM release_member WHERE release_id = :id"), {"id": identity}
        )
        members: dict[str, str] = {name: package for name, package in rows}  # noqa: C416
        before = found[channel][-1][2] if found[channel] else {}
        for name in before.keys() | members.keys():
            if before.get(name) == members.get(name):
                continue
            if name in before:
                connection.execute(
                    sa.text(
                        "UPDATE membership SET until = :number "
                        "WHERE channel = :channel AND name = :name AND until IS NULL"
                    ),
                    {"number": number, "channel": channel, "name": name},
                )
            if name in members:
                connection.execute(
                    sa.text("INSERT INTO membership VALUES (:channel, :name, :number, NULL, :package)"),
                    {"channel": channel, "name": name, "number": number, "package": members[name]},
                )
        connection.execute(
            sa.text("UPDATE release SET packages = :count WHERE id = :id"), {"count": len(members), "id": identity}
        )
        found[channel].append((number, candidate, members))
    return found


def _keep_changes(connection: sa.Connection, releases: dict[str, list[tuple[int, int | None, dict[str, str]]]]) -> None:
    """Keep of each candidate how it differs from the newest release before it."""
    for identity, channel, state in connection.execute(sa.text("SELECT id, channel, state FROM candidate")).all():
        rows = connection.execute(
            sa.text("SELECT name, package FROM candidate_member WHERE candidate_id = :id"), {"id": identity}
        )
        members: dict[str, str] = {name: package for name, package in rows}  # noqa: C416
        earlier = [each for each in releases[channel] if each[1] is None or each[1] < identity]
        number, _, base = earlier[-1] if earlier else (0, None, {})
        kept = {"released": "accepted", "refused": "held"}.get(state, "wanted")
        for name in sorted(base.keys() | members.keys()):
            if base.get(name) != members.get(name):
                connection.execute(
                    sa.text("INSERT INTO candidate_change VALUES (:id, :name, :before, :after, :name, :state)"),
                    {
                        "id": identity,
                        "name": name,
                        "before": base.get(name),
                        "after": members.get(name),
                        "state": kept,
                    },
                )
        connection.execute(
            sa.text("UPDATE candidate SET base_number = :number, source = 'builds' WHERE id = :id"),
            {"number": number, "id": identity},
        )


def _renew_excuses(connection: sa.Connection) -> None:
    query = sa.text(
        "SELECT e.id, c.channel, e.candidate_id, e.package, e.gate, e.reason, coalesce(c.decided_at, c.created_at), "
        "coalesce(m.after, '') FROM excuse e JOIN candidate c ON c.id = e.candidate_id "
        "LEFT JOIN candidate_change m ON m.candidate_id = c.id AND m.name = e.package ORDER BY e.id"
    )
    kept = connection.execute(query).all()
    newest = {  # noqa: C416
        channel: last
        for channel, last in connection.execute(
            sa.text("SELECT channel, max(id) FROM candidate WHERE state <> 'open' GROUP BY channel")
        )
    }
    op.drop_index("ix_excuse_candidate_id", "excuse")
    op.drop_index("ix_excuse_package", "excuse")
    op.drop_table("excuse")
    _new_excuses()
    insert = sa.text(
        "INSERT INTO excuse (channel, candidate_id, package, digest, version, gate, root, reason, owner, line, "
        "partners, remedy, since, cleared_at, cleared_by) VALUES (:channel, :candidate, :package, :digest, '', :gate, "
        "'', :reason, '', '', :partners, '', :since, :cleared, :by)"
    )
    for _, channel, candidate, package, gate, reason, since, digest in kept:
        # Of older candidates nobody knows any more when they were cleared: with the decision about the next one.
        stands = candidate == newest[channel]
        connection.execute(
            insert,
            {
                "channel": channel,
                "candidate": candidate,
                "package": package,
                "digest": digest,
                "gate": gate,
                "reason": reason,
                "partners": json.dumps([]),
                "since": since,
                "cleared": None if stands else since,
                "by": "" if stands else "a later candidate",
            },
        )


def _new_excuses() -> None:
    op.create_table(
        "excuse",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("partners", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("cleared_at", UtcDateTime(), nullable=True),
        sa.Column("cleared_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_excuse_candidate_id"),
        sa.ForeignKeyConstraint(["channel"], ["channel.name"], name="fk_excuse_channel"),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name="fk_excuse_job_id"),
        sa.PrimaryKeyConstraint("id", name="pk_excuse"),
    )
    op.create_index("ix_excuse_candidate_id", "excuse", ["candidate_id"], unique=False)
    op.create_index("ix_excuse_job_id", "excuse", ["job_id"], unique=False)
    op.create_index("ix_excuse_open", "excuse", ["channel", "cleared_at"], unique=False)
    op.create_index("ix_excuse_package", "excuse", ["package", "channel"], unique=False)


def _new_tables() -> None:
    op.create_table(
        "advisory",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("modified_at", UtcDateTime(), nullable=False),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("added_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_advisory"),
    )
    op.create_index("ix_advisory_added_at", "advisory", ["added_at"], unique=False)
    op.create_table(
        "vex",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("vulnerability", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("justification", sa.String(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("stated_by", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "status IN ('not_affected', 'affected', 'fixed', 'under_investigation')", name="ck_vex_status"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_vex"),
    )
    op.create_index("ix_vex_package", "vex", ["package", "vulnerability"], unique=False)
    op.create_table(
        "advisory_package",
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("advisory", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["advisory"], ["advisory.id"], name="fk_advisory_package_advisory"),
        sa.PrimaryKeyConstraint("package", "advisory", name="pk_advisory_package"),
    )
    op.create_index("ix_advisory_package_advisory", "advisory_package", ["advisory"], unique=False)
    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("held_by", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("lifted_at", UtcDateTime(), nullable=True),
        sa.Column("lifted_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["channel"], ["channel.name"], name="fk_hold_channel"),
        sa.PrimaryKeyConstraint("id", name="pk_hold"),
    )
    op.create_index("ix_hold_channel", "hold", ["channel", "package"], unique=False)
    op.create_table(
        "curator_order",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ordered_by", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('promote', 'rollback', 'retry')", name="ck_curator_order_kind"),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_curator_order_candidate_id"),
        sa.ForeignKeyConstraint(["channel"], ["channel.name"], name="fk_curator_order_channel"),
        sa.PrimaryKeyConstraint("id", name="pk_curator_order"),
    )
    op.create_index("ix_curator_order_open", "curator_order", ["channel", "done_at", "id"], unique=False)
    op.create_table(
        "set_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("set_digest", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("atoms", sa.Integer(), nullable=False),
        sa.Column("tests", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("purpose IN ('search', 'retry', 'evidence')", name="ck_set_run_purpose"),
        sa.CheckConstraint("state IN ('pending', 'green', 'red')", name="ck_set_run_state"),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_set_run_candidate_id"),
        sa.PrimaryKeyConstraint("id", name="pk_set_run"),
        sa.UniqueConstraint("candidate_id", "set_digest", name="uq_set_run_candidate_id_set_digest"),
    )
    op.create_table(
        "flaky_test",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.String(), nullable=False),
        sa.Column("test", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("failed_job", sa.Integer(), nullable=False),
        sa.Column("passed_job", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["failed_job"], ["job.id"], name="fk_flaky_test_failed_job"),
        sa.ForeignKeyConstraint(["passed_job"], ["job.id"], name="fk_flaky_test_passed_job"),
        sa.PrimaryKeyConstraint("id", name="pk_flaky_test"),
    )
    op.create_index("ix_flaky_test_name", "flaky_test", ["recipe", "test", "version"], unique=False)
    op.create_table(
        "difference",
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("built_by", sa.String(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_difference_attempt_id"),
        sa.ForeignKeyConstraint(["built_by"], ["worker.name"], name="fk_difference_built_by"),
        sa.ForeignKeyConstraint(["plan"], ["plan.digest"], name="fk_difference_plan"),
        sa.PrimaryKeyConstraint("plan", "built_by", name="pk_difference"),
    )
    op.create_index("ix_difference_attempt_id", "difference", ["attempt_id"], unique=False)
    op.create_table(
        "approval",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("curator", sa.String(), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["channel"], ["channel.name"], name="fk_approval_channel"),
        sa.PrimaryKeyConstraint("channel", "package", "curator", name="pk_approval"),
    )
    op.create_table(
        "attestation",
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("built_by", sa.String(), nullable=False),
        sa.Column("provenance", sa.String(), nullable=False),
        sa.Column("provenance_size", sa.BigInteger(), nullable=False),
        sa.Column("attempt_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["attempt_id"], ["attempt.id"], name="fk_attestation_attempt_id"),
        sa.ForeignKeyConstraint(["built_by"], ["worker.name"], name="fk_attestation_built_by"),
        sa.ForeignKeyConstraint(["package"], ["package.digest"], name="fk_attestation_package"),
        sa.PrimaryKeyConstraint("package", "built_by", name="pk_attestation"),
    )
    op.create_index("ix_attestation_attempt_id", "attestation", ["attempt_id"], unique=False)
    op.create_table(
        "candidate_change",
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.Column("atom", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('wanted', 'accepted', 'held', 'waiting')", name="ck_candidate_change_state"),
        sa.ForeignKeyConstraint(["after"], ["package.digest"], name="fk_candidate_change_after"),
        sa.ForeignKeyConstraint(["before"], ["package.digest"], name="fk_candidate_change_before"),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_candidate_change_candidate_id"),
        sa.PrimaryKeyConstraint("candidate_id", "name", name="pk_candidate_change"),
    )
    op.create_index("ix_candidate_change_after", "candidate_change", ["after"], unique=False)
    op.create_table(
        "consumed",
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("library", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("tree", sa.String(), nullable=False),
        sa.CheckConstraint("kind IN ('static', 'headers', 'unknown')", name="ck_consumed_kind"),
        sa.ForeignKeyConstraint(["package"], ["package.digest"], name="fk_consumed_package"),
        sa.PrimaryKeyConstraint("package", "library", "kind", name="pk_consumed"),
    )
    op.create_index("ix_consumed_library", "consumed", ["library"], unique=False)
    op.create_table(
        "membership",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("since", sa.Integer(), nullable=False),
        sa.Column("until", sa.Integer(), nullable=True),
        sa.Column("package", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["channel"], ["channel.name"], name="fk_membership_channel"),
        sa.ForeignKeyConstraint(["package"], ["package.digest"], name="fk_membership_package"),
        sa.PrimaryKeyConstraint("channel", "name", "since", name="pk_membership"),
    )
    op.create_index("ix_membership_package", "membership", ["package", "channel"], unique=False)
    op.create_index("ix_membership_since", "membership", ["channel", "since"], unique=False)
    op.create_index("ix_membership_until", "membership", ["channel", "until"], unique=False)
    op.create_table(
        "report",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("package", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reported_by", sa.String(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("resolved_at", UtcDateTime(), nullable=True),
        sa.Column("resolved_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["channel"], ["channel.name"], name="fk_report_channel"),
        sa.PrimaryKeyConstraint("id", name="pk_report"),
    )
    op.create_index("ix_report_package", "report", ["package", "channel"], unique=False)


def _foreign_tables() -> None:
    op.create_table(
        "foreign_release",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("distribution", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_foreign_release"),
    )
    op.create_index("ix_foreign_release_digest", "foreign_release", ["digest", "id"], unique=False)
    op.create_index(
        "ix_foreign_release_newest", "foreign_release", ["distribution", "channel", "root", "id"], unique=False
    )
    op.create_table(
        "foreign_package",
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("descriptor", sa.String(), nullable=False),
        sa.Column("descriptor_size", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("tree", sa.String(), nullable=False),
        sa.Column("manifest_size", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.String(), nullable=False),
        sa.Column("facts_size", sa.BigInteger(), nullable=False),
        sa.Column("archive", sa.String(), nullable=False),
        sa.Column("archive_size", sa.BigInteger(), nullable=False),
        sa.Column("needs", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["release_id"], ["foreign_release.id"], name="fk_foreign_package_release_id"),
        sa.PrimaryKeyConstraint("release_id", "name", name="pk_foreign_package"),
    )
    op.create_index("ix_foreign_package_descriptor", "foreign_package", ["descriptor"], unique=False)
    op.create_table(
        "foreign_advisories",
        sa.Column("distribution", sa.String(), nullable=False),
        sa.Column("root", sa.String(), nullable=False),
        sa.Column("advisories", sa.Text(), nullable=False),
        sa.Column("statements", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("distribution", name="pk_foreign_advisories"),
    )
    op.create_table(
        "wanted_archive",
        sa.Column("archive", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("archive", name="pk_wanted_archive"),
    )
    op.create_table(
        "candidate_foreign",
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.Column("atom", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.CheckConstraint("state IN ('wanted', 'accepted', 'held', 'waiting')", name="ck_candidate_foreign_state"),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_candidate_foreign_candidate_id"),
        sa.PrimaryKeyConstraint("candidate_id", "name", name="pk_candidate_foreign"),
    )
    op.create_table(
        "candidate_pin",
        sa.Column("candidate_id", sa.Integer(), nullable=False),
        sa.Column("distribution", sa.String(), nullable=False),
        sa.Column("release_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["candidate_id"], ["candidate.id"], name="fk_candidate_pin_candidate_id"),
        sa.ForeignKeyConstraint(["release_id"], ["foreign_release.id"], name="fk_candidate_pin_release_id"),
        sa.PrimaryKeyConstraint("candidate_id", "distribution", name="pk_candidate_pin"),
    )
    op.create_index("ix_candidate_pin_release_id", "candidate_pin", ["release_id"], unique=False)
