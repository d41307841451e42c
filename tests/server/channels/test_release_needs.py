"""Which packages of a release need which, over several releases, and at what cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import event
from sqlmodel import delete

from farm.core.names.digest import Digest
from farm.server.channels import release_needs, releases
from farm.server.channels.release_needs import Users
from farm.server.tables.release_rows import NeedRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlmodel import Session

    from farm.server.tables.session import Database

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as session:
        releases.ensure_channel(session, "edge", "{}")
        yield session


def release(session: Session, number: int, needs: Mapping[str, set[str]], *removed: str) -> releases.ReleaseRecord:
    return releases.add_release(
        session,
        channel="edge",
        number=number,
        candidate_id=None,
        digest=Digest.of(b"release %d" % number),
        set_digest=Digest.of(b"set"),
        previous=None,
        packages=0,
        changes=dict.fromkeys(removed),
        needs=needs,
        trace="t",
        now=NOW,
    )


def users(session: Session, number: int, provider: str, limit: int = 10) -> Users:
    return release_needs.users_of(session, "edge", number, provider, limit=limit)


def test_each_release_knows_its_own_needs(session: Session) -> None:
    release(session, 1, {"jq": {"glibc", "oniguruma"}, "oniguruma": {"glibc"}, "glibc": set()})
    release(session, 2, {"jq": {"glibc"}})
    release(session, 3, {}, "jq")

    assert users(session, 1, "oniguruma") == Users(1, ("jq",))
    assert users(session, 2, "oniguruma") == Users(0, ())
    assert [users(session, number, "glibc").names for number in (1, 2, 3)] == [
        ("jq", "oniguruma"),
        ("jq", "oniguruma"),
        ("oniguruma",),
    ]
    assert release_needs.providers_of(session, "edge", 1, "jq") == ["glibc", "oniguruma"]
    assert release_needs.providers_of(session, "edge", 2, "jq") == ["glibc"]
    assert release_needs.providers_of(session, "edge", 3, "jq") == []


def test_a_package_does_not_need_itself(session: Session) -> None:
    release(session, 1, {"glibc": {"glibc"}})
    assert users(session, 1, "glibc") == Users(0, ())


def test_a_page_counts_all_users_and_names_the_first(session: Session) -> None:
    release(session, 1, {f"tool-{number:03}": {"glibc"} for number in range(300)})
    assert users(session, 1, "glibc", limit=2) == Users(300, ("tool-000", "tool-001"))


def test_a_refused_release_leaves_the_needs_as_they_were(session: Session) -> None:
    release(session, 1, {"jq": {"oniguruma"}})
    refused = release(session, 2, {"jq": {"glibc"}})
    assert releases.drop_release(session, refused)
    assert users(session, 2, "oniguruma") == Users(1, ("jq",))
    assert users(session, 2, "glibc") == Users(0, ())


_NEEDS = some.dictionaries(some.sampled_from("abcd"), some.sets(some.sampled_from("wxyz")))


@given(steps=some.lists(some.tuples(_NEEDS, some.sets(some.sampled_from("abcd"))), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_release_reads_as_if_it_alone_had_been_recorded(
    database: Database, steps: list[tuple[dict[str, set[str]], set[str]]]
) -> None:
    with database.write() as session:
        if "edge" not in releases.channels(session):
            releases.ensure_channel(session, "edge", "{}")
        session.exec(delete(NeedRow))
        expected: list[dict[str, set[str]]] = [{}]
        for number, (needs, removed) in enumerate(steps, 1):
            gone = removed - needs.keys()
            release_needs.record_needs(session, "edge", number, needs, removed=gone)
            expected.append({user: to for user, to in (expected[-1] | needs).items() if user not in gone})
        for number, state in enumerate(expected):
            for user in "abcd":
                providers = release_needs.providers_of(session, "edge", number, user)
                assert providers == sorted(state.get(user, set()))
            for provider in "wxyz":
                names = tuple(sorted(user for user, providers in state.items() if provider in providers))
                assert users(session, number, provider) == Users(len(names), names)


def test_a_release_writes_only_what_changed(session: Session) -> None:
    release(session, 1, {f"tool-{number:03}": {"glibc", "zlib"} for number in range(300)})
    written: list[str] = []
    event.listen(session.get_bind(), "before_cursor_execute", lambda *call: written.append(call[2]))
    release(session, 2, {"tool-000": {"glibc", "zlib"}, "tool-001": {"glibc"}, "tool-002": {"glibc", "zlib", "xz"}})
    changes = [statement for statement in written if "need" in statement and not statement.startswith("SELECT")]
    assert [statement.split()[0] for statement in changes] == ["UPDATE", "INSERT"]
