"""Published releases that the database lacks are recovered, whoever had them signed; then the channel continues."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from farm.core.names.digest import Digest
from farm.core.names.printed_version import LAST_BUILD
from farm.server.channels import candidates, releases
from farm.server.identities import identities
from farm.server.identities.access import audit
from farm.server.packages import packages
from farm.server.pipeline.candidates.status import channel_status
from farm.server.pipeline.pipeline import Pipeline
from farm.server.pipeline.publishing import adoption
from farm.server.pipeline.publishing.unknown_packages import UnrecordedPackageError
from farm.server.pipeline.repository.next_release import make_release
from farm.server.pipeline.repository.public_store import PublicStore
from farm.server.pipeline.repository.signer_client import SignerUnreachableError
from farm.server.tables.session import Database
from farm.server.transaction.unit_of_work import Application
from farm.store.errors import MissingBlobError
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.provenance import BuildRun, build_statement
from farm.trust.index.imports import Import, ImportedPackage
from farm.trust.index.release_index import Release
from farm.trust.index.tree import IndexTree
from tests.farms.releasing import EDGE, ReleasingFarm
from tests.farms.small import SmallFarm, recipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from farm.core.plan.job import BuildOrder, BuiltPackage
    from farm.server.channels.releases import ReleaseRecord
    from farm.server.tables.records import AuditEvent


@pytest.fixture
def released(releasing: ReleasingFarm) -> ReleasingFarm:
    """A farm whose provenances are signed, with two releases: `a`, then `b` built against it."""
    farm = releasing
    farm.enrol("builder", tests=False)
    farm.builder = farm.signers["builder"]
    farm.submit(recipe("a"))
    releasing.settle()
    farm.submit(recipe("b", needs=("a",)))
    releasing.settle()
    assert releasing.releases() == 2
    return releasing


def edit(releasing: ReleasingFarm, *statements: str) -> None:
    with releasing.application.database.connection() as connection:
        for statement in statements:
            connection.execute(text(statement))


def published(releasing: ReleasingFarm) -> Release:
    found = releasing.signer.repository.current("edge").release
    assert found is not None
    return found


def begins_anew(releasing: ReleasingFarm) -> None:
    """Restart control: what it held in memory is gone."""
    signer = releasing.signer
    releasing.pipeline = Pipeline(releasing.application, EDGE, signer.repository.root, signer)


def goes_on(releasing: ReleasingFarm) -> None:
    """Check that honest work is released, and that database and public directory agree."""
    releasing.clock.passes(60)
    releasing.submit(recipe("after"))
    number = published(releasing).number
    releasing.settle()
    assert published(releasing).number == number + 1
    assert releasing.versions() == {"a": "1.0", "b": "1.0", "after": "1.0"}
    for release in range(1, number + 2):
        with releasing.application.reading() as unit:
            record = releases.release(unit.session, "edge", release)
        assert record is not None
        assert record.published_at is not None
    assert recorded(releasing)[0].digest == published(releasing).digest


def trail(releasing: ReleasingFarm, action: str = "adopt") -> list[AuditEvent]:
    with releasing.application.reading() as unit:
        return [event for _, event in identities.audit_trail(unit.session) if event.action == action]


NONE = f"sha256:{'5' * 64}"
EDITS = {
    "deleted": ("DELETE FROM release WHERE number = 2",),
    "all deleted": ("DELETE FROM membership", "DELETE FROM release"),
    "unpublished": ("UPDATE release SET published_at = NULL WHERE number = 2",),
    "unpublished, another digest": (
        f"UPDATE release SET published_at = NULL, digest = '{NONE}' WHERE number = 2",  # noqa: S608
    ),
    "another digest": (f"UPDATE release SET digest = '{NONE}' WHERE number = 2",),  # noqa: S608
    "another number": ("UPDATE release SET number = 9 WHERE number = 2",),
    "both unpublished": ("UPDATE release SET published_at = NULL",),
}


@pytest.mark.parametrize("statements", EDITS.values(), ids=EDITS.keys())
def test_an_edited_row_of_a_release_is_corrected(released: ReleasingFarm, statements: tuple[str, ...]) -> None:
    edit(released, *statements)
    goes_on(released)
    assert trail(released)
    assert {release.number for release in recorded(released)} == {1, 2, 3}


def test_it_is_corrected_by_a_control_that_remembers_nothing(released: ReleasingFarm) -> None:
    edit(released, *EDITS["both unpublished"])
    begins_anew(released)
    goes_on(released)


def test_a_build_of_the_last_number_is_taken_up(releasing: ReleasingFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an intruder in control may have had one signed, step by step: the database has room for it."""
    farm = releasing
    farm.enrol("builder", tests=False)
    farm.builder = farm.signers["builder"]

    def provenance(_farm: SmallFarm, order: BuildOrder, packages: Sequence[BuiltPackage]) -> bytes:
        assert farm.builder is not None
        number = LAST_BUILD if order.plan.name.short == "b" else 1
        run = BuildRun(farm.builder.public_key.keyid, "1", "", "", Digest.of(b"log"), {}, build=number)
        built = [(package.descriptor, package.archive.digest) for package in packages]
        return sign_statement(build_statement(order.plan, order.recipe_digest, built, (), run), farm.builder)

    monkeypatch.setattr(SmallFarm, "_provenance", provenance)
    farm.submit(recipe("a"))
    releasing.settle()
    farm.submit(recipe("b", needs=("a",)))
    releasing.settle()
    edit(
        releasing,
        "DELETE FROM membership WHERE since = 2",
        "DELETE FROM release WHERE number = 2",
        "DELETE FROM candidate_change WHERE name = 'b'",
        "UPDATE recipe SET built_plan = NULL, built_id = NULL WHERE name = 'b'",
        "DELETE FROM package WHERE name = 'b'",
    )
    begins_anew(releasing)
    goes_on(releasing)
    assert farm.current()["b"].build == LAST_BUILD


def test_a_release_that_somebody_else_had_signed_is_taken_up(released: ReleasingFarm) -> None:
    """As an intruder in control may have had one signed that passed all gates: one without `b`, and one with it."""
    sign_behind_its_back(released, remove=("b",), put=False)
    sign_behind_its_back(released, remove=(), put=True)
    assert released.advance() == "released"
    with released.application.reading() as unit:
        assert set(releases.release_set(unit.session, "edge", 3)) == {"a"}
        assert set(releases.release_set(unit.session, "edge", 4)) == {"a", "b"}
        latest = candidates.latest_candidate(unit.session, "edge")
        status = channel_status(unit.session, "edge", now=unit.now)
    assert latest is not None
    assert "release 4 of edge was adopted" in latest.reason
    assert status.settled
    assert [(event.actor, event.subject, event.channel) for event in trail(released)] == [
        ("pipeline", "release 4 of edge", "edge"),
        ("pipeline", "release 3 of edge", "edge"),
    ]
    goes_on(released)


def test_what_comes_after_a_kill_goes_on_after_the_last_release_that_was_taken_up(
    released: ReleasingFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_behind_its_back(released, remove=("b",), put=False)
    sign_behind_its_back(released, remove=(), put=True)
    only_sqlite(released)
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(adoption, "audit", _dies_at_the_second)
        released.application = replace(released.application, database=Database(released.application.database.url))
        begins_anew(released)
        released.advance()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert [(release.number, release.published_at is not None) for release in recorded(released)] == [
        (3, True),
        (2, True),
        (1, True),
    ]
    released.advance()
    assert [event.subject for event in trail(released)] == ["release 4 of edge", "release 3 of edge"]
    goes_on(released)


def test_an_older_database_takes_up_all_that_was_released_since(released: ReleasingFarm, tmp_path: Path) -> None:
    """With packages, plans and recipes that it has never seen."""
    only_sqlite(released)
    farm = released
    older = tmp_path / "older.db"
    with closing(sqlite3.connect(farm.application.database.url.removeprefix("sqlite:///"))) as connection:
        connection.execute("VACUUM INTO ?", (str(older),))
    farm.clock.passes(60)
    farm.submit(recipe("b", needs=("a",), version="2.0"), recipe("c", needs=("b",)))
    released.settle()
    farm.clock.passes(60)
    farm.submit(recipe("a", version="2.0"))
    released.settle()
    held, number = released.released(), released.releases()
    newest = farm.current()
    farm.application.database.close()
    farm.application = Application.open(
        Database(f"sqlite:///{older}"),
        farm.application.blobs,
        farm.application.logs,
        farm.application.inputs,
        farm.application.lease_policy,
    )
    farm.application = replace(farm.application, clock=farm.clock)
    begins_anew(released)
    released.settle()
    assert (released.released(), released.releases()) == (held, number)
    assert published(released).number == number  # nothing was released, as nothing has changed
    assert {
        name: replace(package, attempt_id=0, built_at=farm.clock.now) for name, package in farm.current().items()
    } == {name: replace(package, attempt_id=0, built_at=farm.clock.now) for name, package in newest.items()}
    farm.submit(recipe("c", needs=("b",), version="2.0"))
    released.settle()
    assert published(released).number == number + 1
    assert released.versions() == {"a": "2.0", "b": "2.0", "c": "2.0"}


def test_it_is_said_what_is_unknown_and_cannot_be_recorded(released: ReleasingFarm) -> None:
    """The worker that built it was enrolled after the backup."""
    edit(released, "DELETE FROM release WHERE number = 2", "DELETE FROM membership WHERE since = 2")
    edit(
        released,
        "DELETE FROM candidate_change WHERE name = 'b'",
        "UPDATE recipe SET built_plan = NULL, built_id = NULL",
    )
    edit(released, "DELETE FROM package WHERE name = 'b'")
    edit(released, f"UPDATE worker SET public_key = '{'5' * 64}' WHERE name = 'builder'")  # noqa: S608
    with pytest.raises(UnrecordedPackageError) as caught:
        released.advance()
    assert "who has built b 1.0-1" in caught.value.message
    assert "Enrol the worker that built it again" in caught.value.remedy


NEVER = Import(
    distribution="other.example",
    channel="stable",
    number=1_000_000,
    release=Digest.of(b"a release that never was"),
    root=Digest.of(b"a root"),
    address="https://other.example",
    packages=(ImportedPackage("evil", Digest.of(b"evil")),),
)


def halted(releasing: ReleasingFarm) -> str:
    with releasing.application.reading() as unit:
        return str(channel_status(unit.session, "edge", now=unit.now).to_dict()["halted"])


def test_what_nobody_knows_and_is_in_force_no_more_stands_in_nobodys_way(released: ReleasingFarm) -> None:
    """Packages of another distribution that it never had: following that distribution will never reveal them."""
    sign_behind_its_back(released, remove=("b",), imports=(NEVER,))
    sign_behind_its_back(released, put=True)
    assert released.advance() == "released"
    assert [release.number for release in recorded(released)] == [4, 2, 1]
    assert [event.subject for event in trail(released)] == ["release 4 of edge"]
    assert halted(released) == ""
    released.clock.passes(60)
    released.submit(recipe("after"))
    released.settle()
    assert published(released).number == 5
    assert released.versions() == {"a": "1.0", "b": "1.0", "after": "1.0"}


def test_a_channel_that_cannot_go_on_from_what_is_in_force_says_so_until_it_can(released: ReleasingFarm) -> None:
    sign_behind_its_back(released, imports=(NEVER,))
    for _ in range(2):
        with pytest.raises(UnrecordedPackageError):
            released.advance()
    assert "and the database does not know the builds of other.example/evil" in halted(released)
    begins_anew(released)
    sign_behind_its_back(released)
    assert released.advance() == "released"
    assert halted(released) == ""


def invent(number: int, *, published: str = "'2026-11-01'", like: int = 2) -> str:
    """Return the statement that makes a release like another one, under a number that is not in force."""
    columns = "channel, candidate_id, set_digest, previous, packages, released_at, trace"
    return (
        f"INSERT INTO release ({columns}, number, digest, published_at) "  # noqa: S608
        f"SELECT {columns}, {number}, 'sha256:' || '{number:064d}', {published} FROM release WHERE number = {like}"
    )


BEYOND = {
    "the next number": (invent(3),),
    "far beyond": (invent(1_000_000),),
    "with what it took out": (
        invent(3),
        "UPDATE membership SET until = 3 WHERE name = 'a'",
        "UPDATE candidate SET state = 'released'",
    ),
    "several, and the one in force is gone": (
        invent(7),
        invent(9, published="NULL"),
        "DELETE FROM release WHERE number = 2",
    ),
}


@pytest.mark.parametrize("statements", BEYOND.values(), ids=BEYOND.keys())
def test_a_release_beyond_the_one_that_is_in_force_is_set_aside(
    released: ReleasingFarm, statements: tuple[str, ...]
) -> None:
    edit(released, *statements)
    begins_anew(released)
    goes_on(released)
    (event,) = trail(released, "set aside")
    assert "but the published repository ends at release 2" in event.detail
    assert {release.number for release in recorded(released)} == {1, 2, 3}
    assert halted(released) == ""


def test_an_invented_release_of_a_channel_that_has_none_is_set_aside(releasing: ReleasingFarm) -> None:
    releasing.submit(recipe("a"), recipe("b"))
    columns, when = "number, set_digest, digest, previous, packages, released_at, published_at, trace", "'2026-11-01'"
    edit(
        releasing,
        f"INSERT INTO release (channel, {columns}) "  # noqa: S608
        f"VALUES ('edge', 4, '{NONE}', '{NONE}', '', 1, {when}, {when}, '')",
    )
    releasing.settle()
    assert [release.number for release in recorded(releasing)] == [1]
    (event,) = trail(releasing, "set aside")
    assert "the published repository has no release" in event.detail


def test_an_older_public_directory_takes_back_nothing_that_comes_again_with_the_right_one(
    released: ReleasingFarm, tmp_path: Path
) -> None:
    root = released.signer.repository.root
    shutil.copytree(root / "metadata", tmp_path / "before")
    released.clock.passes(60)
    released.submit(recipe("c"))
    released.settle()
    before = recorded(released)
    shutil.move(root / "metadata", tmp_path / "now")
    shutil.copytree(tmp_path / "before", root / "metadata")
    begins_anew(released)
    released.advance()
    assert [release.number for release in recorded(released)] == [2, 1]
    shutil.rmtree(root / "metadata")
    shutil.move(tmp_path / "now", root / "metadata")
    begins_anew(released)
    released.advance()
    again = recorded(released)
    assert [(release.number, release.digest) for release in again] == [
        (release.number, release.digest) for release in before
    ]
    assert released.versions() == {"a": "1.0", "b": "1.0", "c": "1.0"}


def test_whatever_keeps_a_channel_from_its_next_step_is_shown_until_it_goes_on(released: ReleasingFarm) -> None:
    """A blob of a new package is missing from the farm's own store; then the signer is unreachable."""
    released.clock.passes(60)
    released.submit(recipe("after"))
    released.build_all_but_tests()
    with released.application.reading() as unit:
        facts = packages.builds_of(unit.session, "after")[0].facts.digest
    blobs = released.application.blobs
    content = blobs.read(facts)
    blobs.delete(facts)
    for _ in range(2):
        with pytest.raises(MissingBlobError):
            released.advance()
        assert f"the store has no blob {facts}. Fetch" in halted(released)
    blobs.put_bytes(content)
    released.signer.away = True
    with pytest.raises(SignerUnreachableError):
        released.settle()
    assert halted(released) == "the signer does not answer"
    released.signer.away = False
    released.settle()
    assert halted(released) == ""
    assert published(released).number == 3


def test_a_release_that_the_signer_was_not_heard_to_sign_is_not_taken_up_but_asked_for(released: ReleasingFarm) -> None:
    edit(released, "UPDATE release SET published_at = NULL WHERE number = 2")
    edit(released, "UPDATE candidate SET state = 'open' WHERE id = (SELECT max(id) FROM candidate)")
    released.advance()
    assert released.releases() == 2
    assert trail(released) == []


def only_sqlite(releasing: ReleasingFarm) -> None:
    if not releasing.application.database.url.startswith("sqlite"):
        pytest.skip("a file of SQLite is copied, and forked with")


def recorded(releasing: ReleasingFarm) -> list[ReleaseRecord]:
    with releasing.application.reading() as unit:
        return releases.releases(unit.session, "edge")


def sign_behind_its_back(
    releasing: ReleasingFarm, *, remove: tuple[str, ...] = (), put: bool = False, imports: tuple[Import, ...] = ()
) -> None:
    """Have a release signed that the database does not know; with `put` it has `b` again."""
    farm, signer = releasing, releasing.signer
    public = PublicStore(signer.repository.root, farm.application.blobs)
    first = Release.from_json(farm.application.blobs.read(recorded(releasing)[0].digest))
    entry = IndexTree(public.read, first.index).entry("b")
    assert entry is not None
    entries = (entry,) if put else ()
    release, index = make_release(
        published(releasing),
        entries,
        remove,
        distribution=first.distribution,
        channel="edge",
        now=farm.clock.now,
        read=public.read,
        imports=imports,
    )
    public.bring(entries, index, release)
    signer.repository.publish(release, signer.signers, datetime.now(UTC))


_audited: list[object] = []


def _dies_at_the_second(*what: object, **how: object) -> None:
    _audited.append(what)
    if len(_audited) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    audit(*what, **how)  # type: ignore[arg-type]
