"""Threat 29, second half, a package that its submitter does not own: it is not built, and the error names who could.

The farm, its API and the commands are the real ones; what an attacker sends is made by hand.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from sqlalchemy import text

from farm.cli.personal_key import OwnKey
from farm.core.recipe.declared_sources import digest_of_files
from farm.server.identities import identities
from farm.server.recipes import recipes
from farm.server.submissions.owners import signatures_of
from farm.trust.attestation.dsse import sign_statement
from farm.trust.attestation.submission_statement import SignedSubmission, submission_statement
from tests.cli.curate.signing_people import People, people
from tests.farms.small import WORLD, recipe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.core.names.digest import Digest
    from farm.server.tables.session import Database

# Queries are tested with both kinds of database in tests/server/submissions/test_owners.py.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
A, B = recipe("a"), recipe("b")
EVIL = recipe("a", flag="evil")


@pytest.fixture
def shells(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[People]:
    with people(database, tmp_path, monkeypatch, capsys) as made:
        yield made


def envelope(shells: People, says: str, key_of: str, files: dict[str, bytes], **changed: Any) -> dict[str, Any]:
    """A statement that names one person, signed with the key of another."""
    name = changed.pop("name", "a")
    said = SignedSubmission(
        changed.pop("distribution", WORLD.distribution),
        says,
        {name: digest_of_files(files, file="recipe.yaml")},
        datetime.now(UTC),
    )
    signer = OwnKey(shells.place / key_of / "keys" / "me", says).signer()
    form: dict[str, Any] = json.loads(sign_statement(submission_statement(said) | changed, signer))
    return form


def post(shells: People, files: dict[str, bytes], signed: dict[str, Any] | None, *, who: str = "mallory") -> Any:
    encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
    body: dict[str, Any] = {"recipes": {"a": encoded}} | ({"envelope": signed} if signed else {})
    headers = {"Authorization": f"Bearer {shells.tokens[who]}"}
    return httpx.post(f"{shells.url}/api/v1/submissions", json=body, headers=headers, timeout=30).json()


def current(shells: People) -> dict[str, Digest]:
    with shells.farm.application.reading() as unit:
        return recipes.current_digests(unit.session, ["a", "b"])


def test_who_has_only_a_token_changes_nothing_and_is_told_whom_to_ask(shells: People) -> None:
    place = shells.recipe(EVIL)
    shown = shells.run("mallory", "submit", place, "--wait", status=3)
    assert shown.splitlines() == [
        "a: waits for alice",
        "submission 1 waits: one owner of each recipe signs with `farm submission accept 1`",
    ]
    assert "the farm does not know this key" in shells.stderr
    assert shells.nothing_happened()


def test_no_signature_but_an_owners_own_on_this_very_recipe_counts(shells: People) -> None:
    waits = [{"recipe": "a", "owners": ["alice"]}]
    for name, signed in {
        "none": None,
        "a stranger's": envelope(shells, "mallory", "mallory", EVIL),
        "a stranger's under an owner's name": envelope(shells, "alice", "mallory", EVIL),
        "another owner's": envelope(shells, "bob", "bob", EVIL),
    }.items():
        assert post(shells, EVIL, signed)["waits_for"] == waits, name
    for name, signed in {
        "another person's under an owner's name": envelope(shells, "alice", "bob", EVIL),
        "of another state of it": envelope(shells, "alice", "alice", A),
        "of another recipe": envelope(shells, "alice", "alice", EVIL, name="b"),
        "for another distribution": envelope(shells, "alice", "alice", EVIL, distribution="other.example.org"),
        "of another type": envelope(shells, "alice", "alice", EVIL, predicateType="urn:farm:approval:1"),
    }.items():
        assert post(shells, EVIL, signed)["code"] == "submission-statement", name
    assert shells.nothing_happened()
    assert post(shells, EVIL, envelope(shells, "alice", "alice", EVIL))["signed_by"] == "alice"
    assert not shells.nothing_happened()


def test_an_envelope_that_was_seen_brings_nothing_back(shells: People) -> None:
    """An owner's own old recipe, with a hole that was fixed since: the old signature no longer makes it current."""
    seen = envelope(shells, "alice", "alice", A)
    assert post(shells, A, seen, who="alice")["signed_by"] == "alice"
    mended = recipe("a", flag="mended")
    post(shells, mended, envelope(shells, "alice", "alice", mended), who="alice")
    again = post(shells, A, {**seen, "padding": 1})
    assert again["waits_for"] == [{"recipe": "a", "owners": ["alice"]}]
    assert "signed_by" not in again
    assert current(shells) == {"a": digest_of_files(mended, file="recipe.yaml")}


def test_a_file_beside_the_recipe_is_signed_with_it(shells: People) -> None:
    named = recipe("a", more="source: {file: a.c}\n") | {"a.c": b"int main;\n"}
    signed = envelope(shells, "alice", "alice", named)
    altered = post(shells, named | {"a.c": b"int evil;\n"}, signed)
    assert altered["code"] == "submission-statement"
    assert "a as it was signed is not what was submitted" in altered["message"]
    assert shells.nothing_happened()


def test_who_owns_one_recipe_brings_no_other_along(shells: People) -> None:
    places = [shells.recipe(EVIL), shells.recipe(B)]
    shown = shells.run("bob", "submit", *places, "--wait", status=3)
    assert shown.splitlines()[0] == "a: waits for alice"
    assert "signed as bob" in shells.stderr.splitlines()
    assert shells.nothing_happened()
    refused = shells.run("bob", "submission", "accept", "1", "--yes", status=1)
    assert refused == ""
    assert "submission 1 waits for no signature of bob" in shells.stderr
    assert "It waits for alice (a)." in shells.stderr
    assert shells.nothing_happened()


def test_the_trail_tells_the_token_and_who_signed(shells: People) -> None:
    shells.run("bob", "submit", shells.recipe(A))
    shells.run("alice", "submission", "accept", "1", "--yes")
    with shells.farm.application.reading() as unit:
        trail = {(event.actor, event.subject, event.detail) for _, event in identities.audit_trail(unit.session)}
        kept = signatures_of(unit, [digest_of_files(A, file="recipe.yaml")])
        assert all(unit.blobs.read(blob) for blob in kept)
    assert ("token:bob-token", "submission 1", "signed by bob; waits for owners") in trail
    assert ("token:alice-token", "submission 1", "signed by alice") in trail
    assert len(kept) == 2


def test_a_farm_that_shows_an_owner_other_files_than_it_says_gets_no_signature(
    shells: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    from farm.api.farm_client import FarmClient  # noqa: PLC0415

    shells.run("mallory", "submit", shells.recipe(EVIL))
    true = FarmClient.submission_contents

    def swapped(self: FarmClient, number: int) -> Any:
        found = true(self, number)
        harmless = found.recipes["a"].model_copy(
            update={"files": {"recipe.yaml": base64.b64encode(A["recipe.yaml"]).decode()}}
        )
        return found.model_copy(update={"recipes": {"a": harmless}})

    monkeypatch.setattr(FarmClient, "submission_contents", swapped)
    shells.run("alice", "submission", "accept", "1", "--yes", status=1)
    assert "sent other files of submission" in shells.stderr
    assert shells.nothing_happened()


def test_rows_that_call_the_submitted_files_current_hide_no_change_from_an_owner(shells: People) -> None:
    shells.run("alice", "submit", shells.recipe(A))
    shells.run("mallory", "submit", shells.recipe(EVIL))
    shells.recipe(A)
    row = "UPDATE recipe_revision SET files = (SELECT files FROM submitted_recipe WHERE submission_id = 2)"
    with shells.farm.application.database.write() as session:
        session.connection().execute(text(row))
    shells.run("alice", "submission", "accept", "2", "--yes")
    assert "+  - run: make install FLAG=evil" in shells.stderr.splitlines()
    assert "the farm's current version is different" in shells.stderr
