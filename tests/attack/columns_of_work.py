"""Columns of jobs, their attempts, plans and tests; and of permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.attack import workings
from tests.attack.editing import Edit, Feeds, Nothing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.attack.editing import Column

_ID = Nothing("a number that rows are told apart by; which row it is, others say")
_SHOWN_ONLY = Nothing("for people to read")
_TIMES = Nothing("when work is tried again or lost: a liar can only keep it waiting")
_QUEUE = Nothing("decides only when and where work is done, not what counts of it")
_FAILED_TEST = "WHERE kind = 'test' AND name = 'broken' AND state = 'failed'"
_FAILED_ATTEMPT = f"WHERE job_id IN (SELECT id FROM job {_FAILED_TEST})"
_OF_PASSED = "(SELECT {} FROM attempt JOIN job ON job.id = job_id WHERE kind = 'test' AND job.name = 'broken' AND job.state = 'succeeded')"


def _one(what: str, do: object) -> Feeds:
    return Feeds((Edit(what, do),))  # type: ignore[arg-type]


COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "job": {
        "id": _ID,
        "preview": Nothing("for whom it is built: the checker asks who built it, from what"),
        "kind": _one(
            "the failed test is a build that succeeded",
            f"UPDATE job SET kind = 'build', state = 'succeeded' {_FAILED_TEST}",
        ),
        "name": _one(
            "the test that passed is that of the package whose test fails",
            "UPDATE job SET name = 'broken' WHERE kind = 'test' AND name = 'tool'",
        ),
        "revision_id": _one(
            "what was built is of another recipe",
            "UPDATE job SET revision_id = (SELECT id FROM recipe_revision WHERE name = 'next') WHERE kind = 'build' AND name = 'viral'",
        ),
        "submission_id": _one("what was built came with another submission", "UPDATE job SET submission_id = 1"),
        "subject": Feeds(
            (
                Edit("the failed test was of another order", f"UPDATE job SET subject = subject || 'x' {_FAILED_TEST}"),
                Edit(
                    "the test that passed was of the failed order",
                    "UPDATE job SET subject = (SELECT subject FROM job WHERE name = 'broken' AND kind = 'test' AND state = 'failed') WHERE kind = 'test' AND name = 'tool'",
                ),
            )
        ),
        "state": Feeds(
            (
                Edit(
                    "the failed test has succeeded",
                    f"UPDATE job SET state = 'succeeded', error_code = '', error = '' {_FAILED_TEST}",
                ),
                Edit(
                    "a rebuild that differed has succeeded",
                    "UPDATE job SET state = 'succeeded', error_code = '' WHERE rebuild AND state = 'failed'",
                ),
                Edit("a build is to be done again, and a stranger does it", workings.builds_otherwise),
            )
        ),
        "to_settle": _one("all jobs are to be settled", "UPDATE job SET to_settle = TRUE"),
        "rebuild": _one(
            "the rebuild that differed is the first build",
            "UPDATE job SET rebuild = 0, state = 'succeeded', error_code = '' WHERE rebuild AND state = 'failed'",
        ),
        "priority": _QUEUE,
        "lost": _QUEUE,
        "troubles": _QUEUE,
        "trouble": _SHOWN_ONLY,
        "not_before": _TIMES,
        "elsewhere_until": _TIMES,
        "created_at": _TIMES,
        "changed_at": _TIMES,
        "notified_at": _TIMES,
        "finished_at": _one(
            "the failed test ended before a curator asked for it again",
            f"UPDATE job SET finished_at = '2020-01-01 00:00:00.000000' {_FAILED_TEST}",
        ),
        "answered_by": _one(
            "the failed test was answered by one that passed",
            "UPDATE job SET answered_by = (SELECT MAX(id) FROM job WHERE kind = 'test' AND state = 'succeeded') WHERE kind = 'test' AND state = 'failed'",
        ),
        "error_code": _one(
            "the failed test met trouble only", f"UPDATE job SET error_code = 'worker-lost' {_FAILED_TEST}"
        ),
        "error": _SHOWN_ONLY,
        "trace": _SHOWN_ONLY,
    },
    "attempt": {
        "first_error": _SHOWN_ONLY,
        "id": _ID,
        "job_id": _one(
            "the attempt that passed was at the failed test",
            f"DELETE FROM attempt {_FAILED_ATTEMPT};\nUPDATE attempt SET job_id = (SELECT MAX(id) FROM job {_FAILED_TEST}) WHERE job_id = (SELECT id FROM job WHERE kind = 'test' AND name = 'tool' LIMIT 1)",
        ),
        "number": _ID,
        "worker": _one("a stranger made all attempts", "UPDATE attempt SET worker = 'mallory'"),
        "token_digest": _one("a stranger holds a lease", workings.takes_a_lease),
        "state": _one("the failed attempt has succeeded", f"UPDATE attempt SET state = 'succeeded' {_FAILED_ATTEMPT}"),
        "claimed_at": _TIMES,
        "heartbeat_at": _TIMES,
        "expires_at": _TIMES,
        "finished_at": _TIMES,
        "log_size": _SHOWN_ONLY,
        "log_digest": _SHOWN_ONLY,
        "error_code": _SHOWN_ONLY,
        "error": _SHOWN_ONLY,
        "trouble": _SHOWN_ONLY,
        "outcome": _one(
            "the failed attempt reported that it passed",
            f"UPDATE attempt SET outcome = {_OF_PASSED.format('outcome')} {_FAILED_ATTEMPT};\nUPDATE job SET state = 'succeeded' {_FAILED_TEST}",
        ),
        "attestation": Feeds(
            (
                Edit(
                    "the failed attempt has the signed result of one that passed",
                    f"UPDATE attempt SET attestation = {_OF_PASSED.format('attestation')} {_FAILED_ATTEMPT}",
                ),
                Edit("a signed result says what its tester has not", workings.forges_results),
            )
        ),
        "tester": _one("a stranger's result is that of a listed tester", workings.passes_for_a_tester),
    },
    "plan": {
        "digest": Feeds(
            (
                Edit(
                    "the plan of a build is another's", "UPDATE plan SET digest = digest || 'x' WHERE name LIKE '%next'"
                ),
            )
        ),
        "name": _one(
            "the plan makes another package", "UPDATE plan SET name = 'dist.example.org/tool' WHERE name LIKE '%next'"
        ),
        "body": _one("an honest worker is leased a plan that no recipe asks for", workings.leases_a_malicious_plan),
        "build": _one(
            "a build that differs gets a number of its own", "UPDATE plan SET build = 7;\nUPDATE package SET build = 7"
        ),
    },
    "test": {
        "digest": _one(
            "the order that failed has the name of one that passed",
            "UPDATE test SET digest = digest || 'x' WHERE subject = :broken2_digest",
        ),
        "subject": _one(
            "the test that passed was of the package whose test fails",
            "UPDATE test SET subject = :broken2_digest WHERE subject = :broken1_digest",
        ),
        "test": _one("it was another test", "UPDATE test SET test = 'other' WHERE subject = :broken2_digest"),
        "body": _one("an honest tester is leased another command", workings.leases_another_test),
    },
    "comparison": {
        column: _one(
            "a comparison is invented",
            "INSERT INTO comparison VALUES ('sha256:x', 'lib', 'libx.so', '{}', '{\"passed\": true}', 1)",
        )
        for column in ("digest", "package", "soname", "body", "outcome", "job_id")
    },
    "job_need": {"job_id": _QUEUE, "recipe": _QUEUE},
    "job_exclusion": {
        column: _one("strangers may answer tests", workings.answers_all_tests) for column in ("job_id", "worker")
    },
    "outbox": dict.fromkeys(
        ("id", "task", "job_id", "created_at", "sent_at"), Nothing("wakes workers; what they do is asked of jobs")
    ),
    "worker": {
        "name": _one("a stranger has the name of a listed worker", workings.takes_a_name),
        "public_key": _one("the tester's key is a stranger's", workings.takes_a_key),
        "builds": _one("the tester builds", "UPDATE worker SET builds = 1"),
        "tests": _one("all workers test", "UPDATE worker SET tests = 1"),
        "enrolled_by": _SHOWN_ONLY,
        "enrolled_at": _SHOWN_ONLY,
        "revoked_at": _one(
            "all but a stranger are revoked",
            "UPDATE worker SET revoked_at = enrolled_at WHERE name IN ('builder', 'again', 'tester')",
        ),
        "seen_at": _QUEUE,
    },
    "nonce": dict.fromkeys(
        ("worker", "nonce", "expires_at"),
        Nothing("keeps requests of workers from being sent again; their signatures count, not these rows"),
    ),
    "token": {
        "id": _ID,
        "digest": _one("a stranger's token is a curator's", workings.acts_as_a_curator),
        "name": _SHOWN_ONLY,
        "role": _one("a stranger's token is a curator's", workings.acts_as_a_curator),
        "created_at": _SHOWN_ONLY,
        "expires_at": _one("a stranger's token is a curator's", workings.acts_as_a_curator),
        "revoked_at": _one("a stranger's token is a curator's", workings.acts_as_a_curator),
    },
    "audit": dict.fromkeys(
        ("id", "at", "actor", "action", "subject", "allowed", "detail", "address", "trace", "channel"),
        Nothing("a record that nothing is decided by"),
    ),
}
