"""Advisories through the API: who may add them, which are accepted, and the answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from farm.api.curator_client import CuratorClient
from farm.api.errors import RefusedRequestError
from farm.core.names.digest import Digest
from farm.server.channels import releases
from farm.server.identities import identities
from farm.server.tables.states import Role
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv
from tests.farms.small import recipe

if TYPE_CHECKING:
    from tests.farms.served import ServedFarm


def document(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(content)
    return found


@pytest.fixture(autouse=True)
def jq_is_made_here(farm: ServedFarm) -> None:
    with farm.client() as maintainer:
        maintainer.submit({"jq": recipe("jq")})


def client(farm: ServedFarm, role: Role = Role.CURATOR) -> CuratorClient:
    return CuratorClient(farm.url, farm.token(role))


def acts(farm: ServedFarm) -> list[tuple[str, str, str, str]]:
    with farm.application.reading() as unit:
        trail = [event for _, event in identities.audit_trail(unit.session)]
    return [
        (event.actor, event.action, event.subject, event.detail)
        for event in trail
        if event.action in ("advisory", "vex")
    ]


def test_an_advisory_is_added_once_changed_by_a_newer_one_and_withdrawn(farm: ServedFarm) -> None:
    with client(farm) as curator:
        assert curator.add_advisory(document(osv())) == {
            "id": "EXAMPLE-2026-1",
            "outcome": "added",
            "severity": "critical",
            "packages": ["jq"],
            "released": [],
        }
        assert curator.add_advisory(document(osv()))["outcome"] == "unchanged"
        assert curator.add_advisory(document(osv(modified="2024-11-21T10:00:00Z")))["outcome"] == "updated"
        later = "2024-11-22T10:00:00Z"
        assert curator.add_advisory(document(osv(modified=later, withdrawn=later)))["outcome"] == "withdrawn"

        (listed,) = curator.advisories()
        assert (listed["id"], listed["packages"], listed["withdrawn"]) == ("EXAMPLE-2026-1", ["jq"], later)
        assert list(curator.advisories("jq")) == []
        assert curator.advisory("EXAMPLE-2026-1")["document"] == document(osv(modified=later, withdrawn=later))
    assert [(actor, detail) for actor, _, _, detail in reversed(acts(farm))] == [
        ("token:some-curator", "added: critical, jq"),
        ("token:some-curator", "updated: critical, jq"),
        ("token:some-curator", "withdrawn: critical, jq"),
    ]


@pytest.mark.parametrize("members", [{"modified": "2024-11-19T10:00:00Z"}, {"summary": "another"}])
def test_what_is_not_newer_is_refused(farm: ServedFarm, members: dict[str, Any]) -> None:
    with client(farm) as curator:
        curator.add_advisory(document(osv()))
        with pytest.raises(RefusedRequestError) as caught:
            curator.add_advisory(document(osv(**members)))
        assert (caught.value.status, caught.value.code) == (409, "stale-advisory")
        assert curator.advisory("EXAMPLE-2026-1")["document"] == document(osv())


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"affected": []}, "invalid-advisory"),
        ({"id": "a b"}, "invalid-advisory"),
        ({"modified": "9999-01-01T00:00:00Z"}, "future-statement"),
        ({"database_specific": {"score": 9.8}}, "not-canonicalizable"),
    ],
)
def test_what_is_none_is_refused_with_the_reason(farm: ServedFarm, members: dict[str, Any], code: str) -> None:
    with client(farm) as curator:
        with pytest.raises(RefusedRequestError) as caught:
            curator.add_advisory(document(osv(**members)))
        assert (caught.value.status, caught.value.code) == (422, code)
        assert list(curator.advisories()) == []
    assert acts(farm) == []


@pytest.mark.parametrize("role", [Role.MAINTAINER, None])
def test_only_curators_add_advisories_and_statements(farm: ServedFarm, role: Role | None) -> None:
    with CuratorClient(farm.url, farm.token(role) if role else "") as stranger:
        for act, content in ((stranger.add_advisory, osv()), (stranger.state, openvex())):
            with pytest.raises(RefusedRequestError) as caught:
                act(document(content))
            assert caught.value.status == (403 if role else 401)
        assert list(stranger.advisories()) == []


def test_statements_are_taken_once(farm: ServedFarm) -> None:
    with client(farm) as curator:
        curator.add_advisory(document(osv()))
        answer = curator.state(document(openvex(product=f"{DISTRIBUTION}/jq@1.7.1-1")))
        assert answer["new"] == 1
        assert answer["statements"] == [
            {
                "vulnerability": "EXAMPLE-2026-1",
                "package": "jq",
                "version": "1.7.1-1",
                "status": "not_affected",
                "justification": "vulnerable_code_not_in_execute_path",
            }
        ]
        assert curator.state(document(openvex(product=f"{DISTRIBUTION}/jq@1.7.1-1")))["new"] == 0
        with pytest.raises(RefusedRequestError, match="does not say why"):
            curator.state(document(openvex(justification=None)))
    assert acts(farm)[:1] == [
        ("token:some-curator", "vex", "1 statement", "EXAMPLE-2026-1 not_affected in jq 1.7.1-1"),
    ]


def test_releases_that_hold_the_package_are_named_and_stay(farm: ServedFarm) -> None:
    farm.worker().build()
    with farm.application.writing() as unit:
        releases.ensure_channel(unit.session, "edge", "{}")
        (package,) = unit.session.connection().exec_driver_sql("SELECT digest FROM package").scalars()
        record = releases.add_release(
            unit.session,
            channel="edge",
            number=1,
            candidate_id=None,
            digest=Digest.of(b"release"),
            set_digest=Digest.of(b"set"),
            previous=None,
            packages=1,
            changes={"jq": Digest(package)},
            needs={},
            trace="trace",
            now=unit.now,
        )
        releases.mark_published(unit.session, record.id, now=unit.now)
    hit = {"channel": "edge", "package": "jq", "version": "1.0-1"}
    with client(farm) as curator:
        assert curator.add_advisory(document(osv(fixed="1.0-2")))["released"] == [hit]
        assert curator.add_advisory(document(osv(id="EXAMPLE-2026-2", fixed="1.0-1")))["released"] == []
        assert curator.advisory("EXAMPLE-2026-1")["released"] == [hit]
        curator.state(document(openvex()))
        assert curator.advisory("EXAMPLE-2026-1")["released"] == []
    with farm.application.reading() as unit:
        assert releases.release_set(unit.session, "edge", 1) == {"jq": package}


def test_there_may_be_more_advisories_than_a_page_holds(farm: ServedFarm) -> None:
    with client(farm) as curator:
        for number in range(105):
            curator.add_advisory(document(osv(id=f"EXAMPLE-{number:03}")))
        assert [advisory["id"] for advisory in curator.advisories()] == [
            f"EXAMPLE-{number:03}" for number in range(105)
        ]
        with pytest.raises(RefusedRequestError) as caught:
            curator.advisory("../tokens")
        assert caught.value.status == 404


def test_an_advisory_about_what_nobody_makes_is_refused_with_the_nearest_name(farm: ServedFarm) -> None:
    """It would be reported as added, and protect nothing."""
    with client(farm) as curator:
        for name, near in (("jqq", "Did you mean jq?"), ("entirely-else", "There are jq, jq-debug, jq-doc.")):
            with pytest.raises(
                RefusedRequestError, match=f"names the package {name}, which no recipe has ever made"
            ) as caught:
                curator.add_advisory(document(osv(package=name)))
            assert (caught.value.status, caught.value.code) == (422, "no-such-package")
            assert caught.value.remedy == f"{near} If it is still to come, use --allow-unknown."
        assert list(curator.advisories()) == []

        assert curator.add_advisory(document(osv(package="jqq")), allow_unknown=True)["outcome"] == "added"
        # What was allowed once needs no confirmation: neither the same again, nor a newer version, nor its withdrawal.
        assert curator.add_advisory(document(osv(package="jqq")))["outcome"] == "unchanged"
        later = "2024-11-22T10:00:00Z"
        assert curator.add_advisory(document(osv(package="jqq", modified=later)))["outcome"] == "updated"
        last = "2024-11-23T10:00:00Z"
        ended = document(osv(package="jqqq", modified=last, withdrawn=last))
        assert curator.add_advisory(ended)["outcome"] == "withdrawn"


def test_a_package_that_only_an_old_build_had_is_known(farm: ServedFarm) -> None:
    farm.worker().build()
    with farm.application.writing() as unit:
        unit.session.connection().exec_driver_sql("DELETE FROM recipe_output")
    with client(farm) as curator:
        assert curator.add_advisory(document(osv()))["outcome"] == "added"


def test_a_statement_about_what_nobody_knows_is_refused_with_the_nearest_name(farm: ServedFarm) -> None:
    with client(farm) as curator:
        with pytest.raises(RefusedRequestError, match="no advisory has this id or alias") as caught:
            curator.state(document(openvex(about="NOPE-1")))
        assert "farm advisory add" in caught.value.remedy
        curator.add_advisory(document(osv()))
        for content, code, near in (
            (openvex(about="EXAMPLE-2026-2"), "no-such-advisory", "Did you mean EXAMPLE-2026-1?"),
            (openvex(product=f"{DISTRIBUTION}/nope@1"), "no-such-package", "There are jq, jq-debug, jq-doc."),
        ):
            with pytest.raises(RefusedRequestError) as caught:
                curator.state(document(content))
            assert (caught.value.status, caught.value.code) == (422, code)
            assert caught.value.remedy == f"{near} If it is still to come, use --allow-unknown."
            assert curator.state(document(content), allow_unknown=True)["new"] == 1
            assert curator.state(document(content))["new"] == 0
        # By another of its names it is the same advisory.
        assert curator.state(document(openvex(about="CVE-2026-1")))["new"] == 1
