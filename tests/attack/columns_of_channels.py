"""Columns of channels: their candidates, how the gates judged them, and what was released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack import workings
from tests.attack.editing import Edit, Feeds, Nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.attack.editing import Column

_ID = Nothing("a number that rows are told apart by; which row it is, others say")
_SHOWN_ONLY = Nothing("for people to read")
_LAST = "(SELECT MAX(id) FROM candidate WHERE channel = 'edge')"
_RECORDED = f"id = {_LAST}"
_PASSED = "UPDATE candidate SET state = 'open', decided_at = NULL WHERE state = 'refused' AND id IN (SELECT MAX(id) FROM candidate GROUP BY channel)"
_ALL_IN = "UPDATE candidate_change SET state = 'accepted', atom = ''"


def _one(what: str, do: object) -> Feeds:
    return Feeds((Edit(what, do),))  # type: ignore[arg-type]


_RECORDED_RELEASE = _one("a release was recorded, and the signer has not been heard", workings.records_a_release)
_GREEN = _one(
    "what was found red was green",
    f"{_PASSED};\nUPDATE set_run SET state = 'green' WHERE state = 'red';\nUPDATE set_run SET detail = (SELECT detail FROM set_run WHERE state = 'green' AND detail LIKE '%attestations%' LIMIT 1) WHERE detail LIKE '%problems%' OR detail LIKE '%it failed%'",
)
_INTRUDER = _one("what may not be released is among what is wanted", f"{_PASSED};\n{_ALL_IN}")

COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "channel": {
        "name": _one(
            "a channel that asks for less takes the place of another",
            "UPDATE channel SET name = 'aside' WHERE name = 'still';\nUPDATE channel SET name = 'still' WHERE name = 'twice';\nUPDATE channel SET name = 'twice' WHERE name = 'aside'",
        ),
        "policy": _one(
            "the policy in force asks for nothing",
            """UPDATE channel SET policy = '{"cadence":"","from":"":[],"name":"edge","rebuild":"static-consumers","role":"","transitions":[]}'""",
        ),
        "frozen_at": _one("the frozen channel is not", "UPDATE channel SET frozen_at = NULL"),
        "frozen_until": _one("the freeze is over", "UPDATE channel SET frozen_until = '2020-01-01 00:00:00.000000'"),
        "frozen_why": _SHOWN_ONLY,
        "frozen_by": _SHOWN_ONLY,
        "tests_seen": _one("all tests were looked at", "UPDATE channel SET tests_seen = 999999"),
        "trouble": _SHOWN_ONLY,
        "unsigned": _SHOWN_ONLY,
        "halted": _SHOWN_ONLY,
    },
    "candidate": {
        "id": _ID,
        "channel": _one(
            "what one channel wants, another has let pass",
            "UPDATE candidate SET channel = 'still' WHERE channel = 'edge';\nUPDATE channel SET frozen_at = NULL",
        ),
        "set_digest": _one(
            "what was refused was another set",
            "UPDATE candidate SET set_digest = 'sha256:' || hex(randomblob(32)) WHERE state = 'refused'",
        ),
        "base_number": _one(
            "the candidate is against an older release",
            f"{_PASSED};\nUPDATE candidate SET base_number = 1 WHERE state = 'open'",
        ),
        "origin": Feeds(
            (
                Edit(
                    "the candidate goes back to an older release, which asks for no tests",
                    f"{_PASSED};\nUPDATE candidate SET origin = 'rollback' WHERE state = 'open';\n{_ALL_IN}",
                ),
            )
        ),
        "from_channel": _one(
            "what came from nowhere comes from edge",
            f"{_PASSED};\nUPDATE candidate SET from_channel = 'edge', from_number = 3 WHERE state = 'open'",
        ),
        "from_number": _one(
            "it comes from an older release", f"{_PASSED};\nUPDATE candidate SET from_number = 1 WHERE state = 'open'"
        ),
        "tests_mark": _one("newer tests do not count", f"{_PASSED};\nUPDATE candidate SET tests_mark = 999999"),
        "testers_mark": _one("everybody's results counted", f"{_PASSED};\nUPDATE candidate SET testers_mark = ''"),
        "state": Feeds(
            (
                Edit("what was refused is looked at again", _PASSED),
                Edit("what was refused has passed", "UPDATE candidate SET state = 'passed' WHERE state = 'refused'"),
            )
        ),
        "reason": _SHOWN_ONLY,
        "created_at": _SHOWN_ONLY,
        "decided_at": _SHOWN_ONLY,
        "trace": _SHOWN_ONLY,
    },
    "candidate_change": {
        "candidate_id": _INTRUDER,
        "name": _one(
            "what may not be released has another's name",
            f"{_PASSED};\nUPDATE OR IGNORE candidate_change SET name = 'next' WHERE name = 'viral'",
        ),
        "before": _one("nothing was there before", f"{_PASSED};\nUPDATE candidate_change SET before = NULL"),
        "after": Feeds(
            (
                Edit(
                    "an honest change brings another package",
                    f"{_PASSED};\nUPDATE candidate_change SET after = :viral1_digest WHERE candidate_id = {_LAST}",
                ),
                Edit(
                    "packages are taken out",
                    f"{_PASSED};\nUPDATE candidate_change SET after = NULL, before = :vuln1_digest, name = 'vuln' WHERE candidate_id = {_LAST} AND name = 'viral'",
                ),
                Edit(
                    "an older version is wanted",
                    f"{_PASSED};\nUPDATE candidate_change SET name = 'tool', before = :tool2_digest, after = :tool1_digest WHERE candidate_id = {_LAST} AND name = 'viral'",
                ),
            )
        ),
        "atom": _one("what must go together goes alone", f"{_PASSED};\nUPDATE candidate_change SET atom = name"),
        "state": _INTRUDER,
    },
    "candidate_test": dict.fromkeys(
        ("candidate_id", "job_id"), _one("no test was asked for", "DELETE FROM candidate_test")
    ),
    "gate_result": {
        "id": _ID,
        "candidate_id": _one(
            "another candidate's results",
            f"{_PASSED};\nDELETE FROM gate_result WHERE candidate_id = {_LAST};\nUPDATE gate_result SET candidate_id = {_LAST} WHERE candidate_id = 1",
        ),
        "gate": _one("another gate said so", f"{_PASSED};\nUPDATE OR IGNORE gate_result SET gate = 'tests'"),
        "state": _one("all gates have passed", f"{_PASSED};\nUPDATE gate_result SET state = 'passed'"),
        "detail": _SHOWN_ONLY,
        "at": _SHOWN_ONLY,
    },
    "set_run": {
        "id": _ID,
        "candidate_id": _one(
            "what was found green was of this candidate",
            f"{_PASSED};\nDELETE FROM set_run WHERE candidate_id = {_LAST};\nUPDATE set_run SET candidate_id = {_LAST} WHERE candidate_id = 1",
        ),
        "set_digest": _one(
            "what was found green was the set that is wanted",
            f"{_PASSED};\nDELETE FROM set_run WHERE state = 'red';\nUPDATE OR IGNORE set_run SET set_digest = (SELECT set_digest FROM candidate WHERE id = {_LAST}), candidate_id = {_LAST} WHERE id = 1",
        ),
        "purpose": _SHOWN_ONLY,
        "atoms": _SHOWN_ONLY,
        "tests": _SHOWN_ONLY,
        "state": _GREEN,
        "detail": _GREEN,
        "started_at": _SHOWN_ONLY,
        "ended_at": _SHOWN_ONLY,
    },
    "release": {
        "id": _ID,
        "channel": _one(
            "another channel has released that",
            "UPDATE OR IGNORE release SET channel = 'slow' WHERE channel = 'edge'",
        ),
        "number": _one(
            "the newest release is an older one",
            "UPDATE release SET number = number + 10 WHERE channel = 'edge' AND number = 1",
        ),
        "candidate_id": _RECORDED_RELEASE,
        "set_digest": _one(
            "the newest release is another set",
            "UPDATE release SET set_digest = (SELECT set_digest FROM release WHERE channel = 'edge' AND number = 1)",
        ),
        "digest": Feeds(
            (
                Edit(
                    "the newest release is an older one",
                    "UPDATE release SET digest = digest || 'x' WHERE channel = 'edge' AND number = 1;\nUPDATE release SET digest = (SELECT substr(digest, 1, 71) FROM release WHERE channel = 'edge' AND number = 1) WHERE channel = 'edge' AND number = 2",
                ),
                Edit("a release was recorded, and the signer has not been heard", workings.records_a_release),
            )
        ),
        "previous": _one(
            "the newest release follows another",
            "UPDATE release SET previous = (SELECT digest FROM release WHERE channel = 'still')",
        ),
        "packages": _one("it holds another number of packages", "UPDATE release SET packages = 1"),
        "released_at": _one(
            "all was released long ago",
            "UPDATE release SET released_at = '2020-01-01 00:00:00.000000', published_at = '2020-01-01 00:00:00.000000'",
        ),
        "published_at": Feeds(
            (
                Edit("nothing was published", "UPDATE release SET published_at = NULL"),
                Edit(
                    "all was published long ago",
                    "UPDATE release SET published_at = '2020-01-01 00:00:00.000000', released_at = '2020-01-01 00:00:00.000000'",
                ),
            )
        ),
        "trace": _SHOWN_ONLY,
    },
    "membership": {
        "channel": _one(
            "what one channel holds, another does",
            "UPDATE OR IGNORE membership SET channel = 'still' WHERE channel = 'twice';\nUPDATE channel SET frozen_at = NULL",
        ),
        "name": _one(
            "a member has another name", "UPDATE membership SET name = 'viral' WHERE name = 'vuln' AND channel = 'edge'"
        ),
        "since": _one(
            "all was there from the first release on", "UPDATE OR IGNORE membership SET since = 1 WHERE until IS NULL"
        ),
        "until": Feeds(
            (
                Edit(
                    "what is there is not",
                    "UPDATE membership SET until = 2 WHERE until IS NULL AND channel = 'edge' AND name != 'tool'",
                ),
                Edit(
                    "what has gone is there",
                    "UPDATE membership SET until = NULL WHERE name = 'tool' AND since = 1 AND channel = 'edge';\nDELETE FROM membership WHERE name = 'tool' AND since = 2 AND channel = 'edge'",
                ),
            )
        ),
        "package": Feeds(
            (
                Edit(
                    "edge holds what it does not: others take it from there",
                    "UPDATE membership SET package = :viral1_digest, name = 'viral' WHERE channel = 'edge' AND name = 'lone'",
                ),
                Edit(
                    "a member is another package",
                    "UPDATE membership SET package = :broken2_digest WHERE channel = 'edge' AND name = 'broken'",
                ),
            )
        ),
    },
    "excuse": {
        **dict.fromkeys(
            (
                "id",
                "root",
                "reason",
                "owner",
                "line",
                "partners",
                "remedy",
                "evidence",
                "first_error",
                "version",
                "job_id",
            ),
            _SHOWN_ONLY,
        ),
        **dict.fromkeys(
            (
                "channel",
                "candidate_id",
                "package",
                "digest",
                "gate",
                "under_way",
                "since",
                "until",
                "cleared_at",
                "cleared_by",
            ),
            _one("nothing is held back any more", "DELETE FROM excuse"),
        ),
    },
}
