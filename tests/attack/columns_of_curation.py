"""Columns of curators' decisions and notices, and of packages imported from other distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack import workings, workings_of_curation
from tests.attack.editing import Edit, Feeds, Nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.attack.editing import Column

_ID = Nothing("a number that rows are told apart by; which row it is, others say")
_SHOWN_ONLY = Nothing("for people to read")
_ONCE_MORE = "done_at = NULL, ending = NULL, candidate_id = NULL"


def _one(what: str, do: object) -> Feeds:
    return Feeds((Edit(what, do),))  # type: ignore[arg-type]


def _order(channel: str, kind: str, detail: str) -> str:
    return f"INSERT INTO curator_order (channel, kind, detail, reason, ordered_by, at, outcome) VALUES ('{channel}', '{kind}', '{detail}', 'why not', 'token:alice', '2026-11-24 12:00:00.000000', '')"


_BACK_AGAIN = "UPDATE signed_order SET delivered_at = NULL, refused = ''"
_REPORTED_ANEW = "UPDATE report SET delivered_at = NULL, package = :viral1_digest"
_FLAKY = _one(
    "a test that fails is flaky",
    "INSERT INTO flaky_test (recipe, test, version, failed_job, passed_job, seen_at, expires_at) SELECT 'broken', 'works', "
    "'2.0-1', MAX(id), MIN(id), '2026-11-24 12:00:00.000000', '2999-01-01 00:00:00.000000' FROM job WHERE kind = 'test';\n"
    "UPDATE job SET state = 'succeeded', error_code = '' WHERE id IN (SELECT MAX(id) FROM job WHERE kind = 'test' AND name = 'broken')",
)
_HARMLESS = _one("the vulnerability does not touch the package", workings_of_curation.states_that_it_is_harmless)
_LOOKED = _one("all was looked at, and nothing found", workings_of_curation.invents_reviews)
_FOREIGN = _one("a stranger's distribution is one that packages are taken of", workings.imports_of_a_stranger)
_LEFT_OUT = _one("what a rollback left out is not", "DELETE FROM left_out;\n" + _order("twice", "retry", "{}"))

COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "approval": {
        "channel": _one("what was approved for stable is approved for all", "UPDATE approval SET channel = 'still'"),
        "package": _one(
            "an approval is of another package",
            "UPDATE OR REPLACE approval SET package = :lone1_digest WHERE package = :lib1_digest",
        ),
        "curator": _one(
            "another curator has approved",
            "UPDATE approval SET curator = 'mallory';\nINSERT INTO approval SELECT 'stable', :lone1_digest, 'alice', envelope, at FROM approval LIMIT 1",
        ),
        "envelope": _one("a stranger has approved in a curator's name", workings_of_curation.approves_itself),
        "at": _SHOWN_ONLY,
    },
    "report": {
        "id": _ID,
        "channel": _one("the trouble is another channel's", "UPDATE report SET channel = 'twice'"),
        "package": _one("the trouble is another package's", "UPDATE report SET package = :viral1_digest"),
        "reason": _SHOWN_ONLY,
        "reported_by": _SHOWN_ONLY,
        "at": _SHOWN_ONLY,
        "resolved_at": Feeds(
            (
                Edit("the report is closed", "UPDATE report SET resolved_at = at, resolved_by = 'token:alice'"),
                Edit("there is no report", "DELETE FROM report"),
            )
        ),
        "resolved_by": _SHOWN_ONLY,
        "delivered_at": Feeds(
            (Edit("the signer is told once more of a report, of another package", _REPORTED_ANEW),),
        ),
    },
    "signed_order": {
        "digest": _one(
            "an order is brought once more under another name",
            f"{_BACK_AGAIN}, digest = 'sha256:' || hex(randomblob(32)) WHERE act = 'rollback'",
        ),
        "channel": _one(
            "what was signed for one channel is brought for another",
            f"{_BACK_AGAIN}, channel = 'edge' WHERE act = 'rollback';\nUPDATE curator_order SET channel = 'edge', {_ONCE_MORE} WHERE kind = 'rollback'",
        ),
        "act": _one(
            "a freeze was signed as a thaw",
            f"{_BACK_AGAIN}, act = 'thaw' WHERE act = 'freeze';\nUPDATE channel SET frozen_at = NULL",
        ),
        "curator": _one("another curator has signed it", f"{_BACK_AGAIN}, curator = 'mallory'"),
        "envelope": Feeds(
            (
                Edit("a stranger orders in a curator's name", workings_of_curation.orders_itself),
                Edit(
                    "a stranger says what does no harm in a curator's name",
                    workings_of_curation.states_it_by_a_strangers_order,
                ),
            )
        ),
        "at": _SHOWN_ONLY,
        "order_id": _one(
            "a downgrade was ordered by what was signed for another",
            _order("edge", "rollback", '{"number": 1}')
            + ";\nUPDATE signed_order SET order_id = (SELECT MAX(id) FROM curator_order) WHERE act = 'rollback'",
        ),
        "delivered_at": _one(
            "an order that was used is brought once more",
            f"{_BACK_AGAIN} WHERE act = 'rollback';\nUPDATE curator_order SET {_ONCE_MORE} WHERE kind = 'rollback'",
        ),
        "refused": _SHOWN_ONLY,
    },
    "who_orders": {
        "id": _ID,
        "people": _one("a stranger's orders count", workings_of_curation.counts_among_the_curators),
    },
    "unsigned_word": dict.fromkeys(
        ("digest", "description"), Nothing("for people to read: what is left out is worked out anew each time")
    ),
    "hold": {
        "id": _ID,
        "channel": _one("the hold is another channel's", "UPDATE hold SET channel = 'slow'"),
        "package": _one("the hold is of another package", "UPDATE hold SET package = 'viral'"),
        "reason": _SHOWN_ONLY,
        "held_by": _SHOWN_ONLY,
        "at": _SHOWN_ONLY,
        "until": _one("the hold is over", "UPDATE hold SET until = '2020-01-01 00:00:00.000000'"),
        "lifted_at": Feeds(
            (
                Edit("the hold is lifted", "UPDATE hold SET lifted_at = at, lifted_by = 'token:alice'"),
                Edit("there is no hold", "DELETE FROM hold"),
            )
        ),
        "lifted_by": _SHOWN_ONLY,
    },
    "curator_order": {
        "id": _ID,
        "channel": _one(
            "an order is another channel's",
            f"UPDATE curator_order SET channel = 'edge', {_ONCE_MORE} WHERE kind = 'rollback'",
        ),
        "kind": _one(
            "an order is of another kind",
            f"UPDATE curator_order SET kind = 'rollback', detail = '{{\"number\": 1}}', {_ONCE_MORE} WHERE kind = 'retry'",
        ),
        "detail": _one(
            "an order goes further back",
            f"UPDATE curator_order SET channel = 'stable', detail = '{{\"number\": 1}}', {_ONCE_MORE} WHERE kind = 'rollback'",
        ),
        "reason": _SHOWN_ONLY,
        "ordered_by": _one("a downgrade is ordered", _order("edge", "rollback", '{"number": 1}')),
        "at": _one(
            "a promotion is ordered past the gates",
            _order("slow", "promote", '{"from": "edge", "number": 2, "packages": []}'),
        ),
        "candidate_id": _one(
            "the order is that of what was refused",
            f"UPDATE curator_order SET {_ONCE_MORE} WHERE kind = 'rollback';\nUPDATE curator_order SET candidate_id = (SELECT MAX(id) FROM candidate WHERE channel = 'twice') WHERE kind = 'rollback'",
        ),
        "done_at": _one(
            "an order is carried out once more",
            f"UPDATE curator_order SET {_ONCE_MORE} WHERE kind = 'rollback'",
        ),
        "ending": _one(
            "an order is carried out once more",
            f"UPDATE curator_order SET {_ONCE_MORE} WHERE kind = 'rollback'",
        ),
        "outcome": _SHOWN_ONLY,
    },
    "left_out": dict.fromkeys(("order_id", "name", "package", "stays"), _LEFT_OUT),
    "flaky_test": dict.fromkeys(
        ("id", "recipe", "test", "version", "failed_job", "passed_job", "seen_at", "expires_at"), _FLAKY
    ),
    "advisory": {
        "id": _one("the advisory has another name", "UPDATE advisory SET id = 'EXAMPLE-1'"),
        "body": Feeds(
            (
                Edit("the advisory says that it is withdrawn", workings_of_curation.withdraws_the_advisory),
                Edit(
                    "what was signed of the advisory is its withdrawal",
                    workings_of_curation.withdraws_it_by_another_order,
                ),
            )
        ),
        "severity": _one("the vulnerability is a slight one", "UPDATE advisory SET severity = 'low'"),
        "modified_at": _SHOWN_ONLY,
        "withdrawn_at": _one("the advisory is withdrawn", "UPDATE advisory SET withdrawn_at = modified_at"),
        "added_by": _SHOWN_ONLY,
        "added_at": _one("the advisory is gone", "DELETE FROM advisory;\nDELETE FROM advisory_package"),
    },
    "advisory_package": {
        "package": _one("the advisory speaks of another package", "UPDATE advisory_package SET package = 'viral'"),
        "advisory": _one("no advisory speaks of the package", "DELETE FROM advisory_package"),
    },
    "review": dict.fromkeys(("package", "source", "at", "stated_by", "stated_at"), _LOOKED),
    "vex": {
        "id": _ID,
        "stated_by": _SHOWN_ONLY,
        **dict.fromkeys(
            ("vulnerability", "package", "version", "status", "justification", "statement", "at"), _HARMLESS
        ),
    },
    "imported_release": dict.fromkeys(
        ("id", "digest", "distribution", "channel", "number", "root", "address", "seen_at", "shown"), _FOREIGN
    ),
    "imported_package": dict.fromkeys(
        (
            "release_id",
            "name",
            "descriptor",
            "descriptor_size",
            "version",
            "revision",
            "tree",
            "manifest_size",
            "facts",
            "facts_size",
            "archive",
            "archive_size",
            "needs",
        ),
        _FOREIGN,
    ),
    "imported_advisories": dict.fromkeys(
        ("distribution", "root", "advisories", "statements", "seen_at"),
        Nothing("told beside a foreign package; its own distribution signs what clients go by"),
    ),
    "import_trouble": dict.fromkeys(("distribution", "why", "since"), _SHOWN_ONLY),
    "wanted_archive": dict.fromkeys(
        ("archive", "size", "name", "address"), Nothing("what is fetched for a test, by its digest")
    ),
    "candidate_import": dict.fromkeys(("candidate_id", "name", "before", "after", "atom", "state"), _FOREIGN),
    "candidate_pin": dict.fromkeys(("candidate_id", "distribution", "release_id"), _FOREIGN),
}
