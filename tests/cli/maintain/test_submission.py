"""Own keys, and submissions that wait for owners, from the command line to the rows of a farm that serves HTTP."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from farm.api.farm_client import FarmClient
from farm.cli.maintain.signed_recipes import sign_digests
from farm.cli.personal_key import OwnKey
from farm.cli.sign_order import sign_withdrawal
from farm.core.names.digest import Digest
from farm.core.policy.curators import read_curators
from farm.errors import FarmError
from farm.server.curation import signed_orders
from farm.server.submissions import submissions
from farm.server.submissions.pending_submissions import envelopes_of
from farm.trust.attestation.curator_order import EVERY_CHANNEL, Act, read_order
from farm.trust.attestation.submission_statement import shown_submission
from tests.cli.curate.signing_people import People, people
from tests.farms.small import WORLD, recipe

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.server.tables.session import Database

# Queries are tested with both kinds of database in tests/server/submissions/test_owners.py.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
A, B = recipe("a"), recipe("b")


@pytest.fixture
def shells(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[People]:
    with people(database, tmp_path, monkeypatch, capsys) as made:
        yield made


def test_a_person_makes_a_key_once_and_gets_the_line_for_curators(shells: People) -> None:
    line = shells.run("ann", "keys", "me", "--name", "ann")
    key = shells.place / "ann" / "keys" / "me"
    assert key.stat().st_mode & 0o777 == 0o600
    public = load_pem_private_key(key.read_bytes(), password=None).public_key().public_bytes_raw().hex()
    assert read_curators(f"curators:\n{line}".encode(), "x") == {"curators": {"ann": public}}
    before = key.read_bytes()
    assert shells.run("ann", "keys", "me") == line  # the name is remembered
    assert shells.run("ann", "keys", "me", "--name", "anna") == line.replace("ann:", "anna:")
    assert shells.json("ann", "keys", "me") == {"path": str(key), "name": "anna", "key": public, "new": False}
    assert key.read_bytes() == before
    shells.run("ann", "keys", "me", "--name", "Ann Smith", status=2)
    assert "'Ann Smith' is not a name" in shells.stderr


def test_an_owners_submission_goes_through_and_says_that_it_was_signed(shells: People) -> None:
    assert shells.run("alice", "submit", shells.recipe(A)).splitlines()[0] == "a: job 1"
    assert shells.stderr.splitlines()[-1] == "signed as alice"
    assert shells.json("alice", "submit", shells.recipe(A))["signed_by"] == "alice"


def test_a_directory_without_a_recipe_is_answered_with_what_it_lacks(shells: People, tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "recipe.yml").write_text("name: z\n")
    for options in ((), ("--preview",)):
        shells.run("alice", "submit", *options, str(tmp_path / "z"), status=1)
        assert f"{tmp_path / 'z'} has no recipe.yaml\n help: Name the directory of a recipe" in shells.stderr


def test_one_that_waits_is_listed_shown_and_accepted(shells: People) -> None:
    shells.run("alice", "submit", shells.recipe(A))
    places = [shells.recipe(recipe("a", flag="x")), shells.recipe(B)]
    assert "submission 2 waits" in shells.run("mallory", "submit", *places)
    answer = shells.json("mallory", "submit", *places)
    assert answer["waits_for"] == [{"recipe": "a", "owners": ["alice"]}, {"recipe": "b", "owners": ["bob"]}]
    listed = shells.run("bob", "submission", "list", "--waiting").splitlines()
    assert re.search(r"^2 +waiting .* token:mallory-token +a, b +a: alice; b: bob$", listed[2])
    assert [submission["id"] for submission in shells.json("bob", "submission", "list")["submissions"]] == [3, 2, 1]

    shells.recipe(A)  # alice's tree has her recipe, and no b
    shutil.rmtree(places[1])
    sheet = shells.run("alice", "submission", "show", "2").splitlines()
    assert sheet[0].startswith("submission 2 of token:mallory-token, ")
    assert f"a: compared with {shells.tree}/packages/a" in sheet
    assert "-  - run: make install FLAG=" in sheet
    assert "+  - run: make install FLAG=x" in sheet
    assert f"b: shown in full, as it is not in {shells.tree}/packages (it is new)" in sheet
    assert "+name: b" in sheet

    half = shells.run("alice", "submission", "accept", "2", "--yes").splitlines()
    assert half[:2] == ["alice has signed a", "b: waits for bob"]
    assert "+  - run: make install FLAG=x" in shells.stderr
    assert [entry["signed_by"] for entry in shells.json("bob", "submission", "show", "2")["submission"]["recipes"]] == [
        ["alice"], ["alice"]
    ]  # fmt: skip
    assert shells.json("bob", "submission", "show", "2")["submission"]["waits_for"] == [
        {"recipe": "b", "owners": ["bob"]}
    ]
    whole = shells.json("bob", "submission", "accept", "2", "--yes")
    assert [accepted["name"] for accepted in whole["accepted"]] == ["a", "b"]
    assert shells.run("bob", "submission", "list", "--waiting").splitlines()[1].startswith("3 ")
    assert shells.run("ann", "jobs", "--name", "b").splitlines()[1].split()[2] == "b"


def test_who_accepts_signs_the_submission_and_not_a_part_of_it(shells: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signature on a part alone would allow the release of that part alone, whatever the others sign."""
    shells.run("mallory", "submit", shells.recipe(A), shells.recipe(B))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    shells.run("bob", "submission", "accept", "1")
    assert "Sign b, together with a, for dist.example.org as bob?" in shells.stderr
    with shells.farm.application.reading() as unit:
        given = submissions.signatures_with(unit.session, [1])[1]
        (envelope,) = {signature.envelope for some in given.values() for signature in some}
        statement = json.loads(base64.b64decode(json.loads(unit.blobs.read(envelope))["payload"]))
    assert [subject["name"] for subject in statement["subject"]] == ["packages/a", "packages/b"]


@pytest.mark.parametrize("answer", ["", "n\n"])
def test_who_does_not_agree_signs_nothing(shells: People, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    shells.run("mallory", "submit", shells.recipe(A))
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    shells.run("alice", "submission", "accept", "1", status=1)
    assert "Sign a for dist.example.org as alice?" in shells.stderr
    assert "was not signed" in shells.stderr
    assert shells.nothing_happened()


def test_a_recipe_of_another_distribution_is_not_signed_unseen(shells: People) -> None:
    shells.run("mallory", "submit", shells.recipe(A))
    shells.write("distribution.yaml", "domain: other.example.org\n")
    shells.run("alice", "submission", "accept", "1", "--yes", status=1)
    assert "the recipes here are those of other.example.org" in shells.stderr
    shells.run("alice", "submit", shells.recipe(A), status=1)
    assert "it is for other.example.org, but this farm is dist.example.org" in shells.stderr
    (shells.tree / "distribution.yaml").unlink()
    shells.run("alice", "submit", shells.recipe(A), status=1)
    assert "the distribution to sign for is not known" in shells.stderr


def test_it_is_withdrawn_by_who_sent_it_by_a_curator_or_by_an_owner(shells: People) -> None:
    place = shells.recipe(A)
    for _ in range(4):
        shells.run("mallory", "submit", place)
    shells.run("bob", "submission", "withdraw", "1", status=1)
    assert "submission 1 is neither yours nor of a recipe that you own" in shells.stderr
    for number, who in enumerate(("mallory", "ann", "alice"), 1):
        withdrawn = shells.run(who, "submission", "withdraw", str(number), "--why", "not now")
        assert withdrawn == f"submission {number} is withdrawn\n"
    shells.run("alice", "submission", "accept", "2", "--yes", status=1)
    assert "submission 2 is withdrawn: nothing of it waits to be accepted" in shells.stderr
    assert shells.json("alice", "submission", "withdraw", "4") == {"id": 4, "jobs": [], "state": "withdrawn"}


def test_withdrawing_with_a_key_whose_orders_count_ends_the_signatures_with_the_signer_too(shells: People) -> None:
    """The signatures that came with the submission, each by its statement; and again where only the farm knows it."""
    keys = {who: shells.make_key(who).split()[-1].strip("'") for who in ("alice", "bob")}
    with shells.farm.application.writing() as unit:
        signed_orders.set_who_orders(unit.session, {"alice": keys["alice"]})
    shells.run("alice", "submit", shells.recipe(A), shells.recipe(B))
    shells.run("bob", "submission", "withdraw", "1")  # as an owner, with a key whose orders do not count
    assert "the signatures on it stay valid with the signer" in shells.stderr
    assert shells.json("alice", "submission", "show", "1")["submission"]["state"] == "withdrawn"
    answer = shells.json("alice", "submission", "withdraw", "1", "--why", "oops")
    assert "has not reached the signer yet" in shells.stderr
    assert "still count" not in shells.stderr
    with shells.farm.application.reading() as unit:
        (waiting,) = signed_orders.undelivered(unit.session, 9)
        (envelope,) = envelopes_of(unit, 1)
    order = read_order(waiting.envelope.encode(), {"alice": keys["alice"]})
    assert (order.act, order.channel, order.reason) == (Act.WITHDRAW_SUBMISSION, EVERY_CHANNEL, "oops")
    assert order.packages == {"alice": shown_submission(envelope).statement}
    assert (answer["state"], answer["signed"]["order"]) == ("withdrawn", order.digest)
    shells.run("bob", "submission", "withdraw", "1", status=1)
    assert "submission 1 is not waiting: it is withdrawn" in shells.stderr


def test_an_order_that_withdraws_something_else_changes_nothing(shells: People) -> None:
    key = shells.make_key("alice").split()[-1].strip("'")
    with shells.farm.application.writing() as unit:
        signed_orders.set_who_orders(unit.session, {"alice": key})
    shells.run("alice", "submit", shells.recipe(A), shells.recipe(B))
    with shells.farm.application.reading() as unit:
        (envelope,) = envelopes_of(unit, 1)
    own = OwnKey(shells.place / "alice" / "keys" / "me", "alice")
    other = sign_withdrawal(own, WORLD.distribution, [envelope, _another(own)], "")
    with FarmClient(shells.url, shells.tokens["alice"]) as farm, pytest.raises(FarmError, match="the packages"):
        farm.withdraw_submission(1, order=other)
    assert shells.json("alice", "submission", "show", "1")["submission"]["state"] == "waiting"


def _another(own: OwnKey) -> bytes:
    return sign_digests({"a": Digest.of(b"another")}, WORLD.distribution, own)


def test_another_key_and_name_are_said_on_the_command_line_or_in_the_environment(
    shells: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, key = shells.recipe(A), shells.place / "alice" / "keys" / "me"
    assert shells.json("mallory", "submit", place, "--key", str(key), "--name", "alice")["signed_by"] == "alice"
    assert shells.json("mallory", "submit", place, "--key", str(key))["signed_by"] == "alice"  # the key's own name
    shells.run("mallory", "submit", place, "--key", str(key), "--name", "mallory", status=1)
    assert "'mallory' is not the owner of the key that signed" in shells.stderr
    monkeypatch.setenv("FARM_KEY", str(key))
    monkeypatch.setenv("FARM_NAME", "alice")
    assert shells.json("mallory", "submit", place)["signed_by"] == "alice"
    monkeypatch.delenv("FARM_NAME")
    alone = shells.place / "a key without a name beside it"
    shutil.copy(key, alone)
    monkeypatch.setenv("FARM_KEY", str(alone))
    shells.run("ann", "submission", "accept", "1", status=2)
    assert "The name of the key is missing" in shells.stderr
    alone.chmod(0o644)
    shells.run("mallory", "submit", place, status=1)
    assert "others can read it" in shells.stderr


def test_who_has_no_key_submits_as_ever_and_leaves_no_state(shells: People) -> None:
    assert shells.run("bob", "submit", shells.recipe(B)).splitlines()[0] == "b: job 1"
    (shells.place / "bob" / "keys" / "me").rename(shells.place / "elsewhere")
    assert shells.run("bob", "submit", shells.recipe(B)).splitlines()[0] == "b: job 1"
    # Only of how it is written.
    assert all(line.startswith("packages/b/recipe.yaml:") for line in shells.stderr.splitlines())
    shells.run("ann", "submission", "list")
    assert not (shells.place / "ann").exists()
    shells.run("ann", "submission", "accept", "1", status=1)
    assert "submission 1 is taken: nothing of it waits to be accepted" in shells.stderr


def test_a_fault_of_the_file_is_told_to_who_submits(shells: People) -> None:
    shells.take_up()  # it is removed
    shells.run("mallory", "submit", shells.recipe(A), status=1)
    assert "OWNERS: the file is gone. Put it back." in shells.stderr


def test_who_owns_what_is_shown(shells: People) -> None:
    public = shells.make_key("alice").split()[1]
    shells.write("steps/x.yaml", "name: x\nsummary: X\nrun: [{shell: x}]\n")
    shells.write("curators.yaml", f"curators:\n  alice: '{public}'\n")
    assert "this tree has no OWNERS" in shells.run("alice", "package", "owners", "a")
    shells.write("OWNERS", "# all\na*  @curators\n")
    assert shells.run("alice", "package", "owners", "a", "b").splitlines()[1:] == [
        "a       alice   OWNERS:2 a* @curators",
        "b       -       no line of OWNERS matches",
    ]
    assert shells.json("alice", "package", "owners", "a", "b") == {"owners": {"a": ["alice"], "b": []}}
    shells.write("OWNERS", "a* @curator\n")
    shells.run("alice", "lint", status=1)
    assert "OWNERS:1:4: error[F001 invalid-file]: there is no group '@curator'" in shells.stderr
    assert "Did you mean @curators?" in shells.stderr
