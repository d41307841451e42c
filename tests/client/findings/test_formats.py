"""What an audit writes for other programs conforms to their specifications."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from farm.client.findings.formats.cyclonedx import cyclonedx
from farm.client.findings.formats.sarif import sarif
from farm.client.findings.formats.spdx import spdx
from farm.client.findings.report import Audit, AuditedPackage, CopiedCode, Exposed
from farm.core.advisories.matching import find
from farm.core.advisories.openvex import read_openvex
from farm.core.advisories.osv import read_osv
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.version import Version
from farm.core.plan.job import BlobRef
from farm.trust.index.release_index import Release
from tests.core.advisories.osv_documents import DISTRIBUTION, openvex, osv

if TYPE_CHECKING:
    from cyclonedx.validation.json import JsonStrictValidator

    from farm.core.advisories.matching import AdvisoryFinding

NOW = "2026-01-02T03:04:05+00:00"
RELEASE = Release(
    distribution=DISTRIBUTION,
    channel="edge",
    number=7,
    previous=None,
    released_at="2026-01-01T00:00:00Z",
    index=BlobRef(Digest.of(b"index"), 5),
    packages=2,
)


def package(name: str, version: str, **more: Any) -> AuditedPackage:
    descriptor = Digest.of(name.encode())
    channel = f"{DISTRIBUTION}/edge"
    return AuditedPackage(
        PackageName(DISTRIBUTION, name), Version(version), 1, f"{name}-{version}-abc", descriptor, channel, **more
    )


JQ, CURL = package("jq", "1.7.1"), package("curl", "8.0", override="our own patch")
ZLIB = CopiedCode(PackageName(DISTRIBUTION, "zlib"), "1.3", Digest.of(b"zlib"), 2)


def finding(name: str, version: str, *, harmless: bool = False, revision: int = 1, **members: Any) -> AdvisoryFinding:
    advisory = read_osv(osv(package=name, fixed="9.0", **members), DISTRIBUTION)
    said = openvex(product=f"{DISTRIBUTION}/{name}", about=advisory.id)
    statements = read_openvex(said, DISTRIBUTION) if harmless else ()
    (found,) = find([advisory], statements, [(name, Version(version), revision)])
    return found


@pytest.fixture
def audits() -> list[Audit]:
    """An image with one vulnerability of its own, one in copied code and one without effect; and a clean root."""
    image = Audit(
        "image",
        "api:1",
        "api:1: release 6 of dist.example.org/edge",
        (JQ, CURL),
        exposed=(
            Exposed(finding("jq", "1.7.1"), JQ, RELEASE, RELEASE, "farm image update api:1 jq"),
            Exposed(finding("zlib", "1.3", id="EXAMPLE-2026-2", revision=2), JQ, RELEASE, None, "", ZLIB),
        ),
        harmless=(Exposed(finding("curl", "8.0", harmless=True), CURL, None, None, ""),),
    )
    return [image, Audit("root", "/srv/my tools", "/srv/my tools: generation 3", (JQ,))]


@pytest.fixture(scope="module")
def validator() -> JsonStrictValidator:
    # Imported where it is needed: it takes two seconds, which every process that only collects tests would spend too.
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    return JsonStrictValidator(SchemaVersion.V1_6)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_cyclonedx_document_is_valid(validator: JsonStrictValidator, audits: list[Audit], count: int) -> None:
    document = cyclonedx(audits[:count], "1.0", NOW)
    assert validator.validate_str(json.dumps(document)) is None


def test_cyclonedx_says_what_is_affected_and_what_is_not(audits: list[Audit]) -> None:
    document = cyclonedx(audits, "1.0", NOW)
    components = {
        component["bom-ref"]: component for subject in document["components"] for component in subject["components"]
    }
    (jq,) = [component for component in components.values() if component["name"] == "jq" and "components" in component]
    (part,) = jq["components"]
    assert (part["name"], part["version"]) == ("zlib", "1.3-2")
    assert part["properties"] == [{"name": "farm:linked", "value": "statically"}]
    affects = {
        (vulnerability["id"], ref["ref"], ref["versions"][0]["status"])
        for vulnerability in document["vulnerabilities"]
        for ref in vulnerability["affects"]
    }
    (curl,) = [component["bom-ref"] for component in components.values() if component["name"] == "curl"]
    assert affects == {
        ("EXAMPLE-2026-1", jq["bom-ref"], "affected"),
        ("EXAMPLE-2026-2", part["bom-ref"], "affected"),
        ("EXAMPLE-2026-1", curl, "unaffected"),
    }
    (harmless,) = [vulnerability for vulnerability in document["vulnerabilities"] if "analysis" in vulnerability]
    assert harmless["analysis"] == {"state": "not_affected", "justification": "code_not_reachable"}
    assert "farm image update api:1 jq" in document["vulnerabilities"][0]["recommendation"]


def test_the_same_audit_is_the_same_document(audits: list[Audit]) -> None:
    assert cyclonedx(audits, "1.0", NOW) == cyclonedx(audits, "1.0", NOW)
    assert cyclonedx(audits, "1.0", NOW)["serialNumber"] != cyclonedx(audits[:1], "1.0", NOW)["serialNumber"]


@pytest.mark.parametrize("count", [1, 2])
def test_the_spdx_document_is_valid_and_has_the_advisories(audits: list[Audit], count: int) -> None:
    form = json.loads(spdx(audits[:count], NOW))
    document = JsonLikeDictParser().parse(form)  # type: ignore[no-untyped-call]
    assert validate_full_spdx_document(document) == []
    found = {
        spdx_package["name"]: [ref["referenceLocator"] for ref in spdx_package.get("externalRefs", ())]
        for spdx_package in form["packages"]
    }
    addresses = ["https://dist.example.org/advisories/EXAMPLE-2026-{}", "https://www.cve.org/CVERecord?id=CVE-2026-1"]
    assert found["zlib"] == [addresses[0].format(2), addresses[1]]
    assert found["curl"] == []
    described = [
        spdx_package
        for spdx_package in form["packages"]
        if spdx_package["name"] == "jq" and "externalRefs" in spdx_package
    ]
    assert [ref["referenceCategory"] for ref in described[0]["externalRefs"]] == ["SECURITY", "SECURITY"]
    links = [
        relationship for relationship in form["relationships"] if relationship["relationshipType"] == "STATIC_LINK"
    ]
    assert [link["spdxElementId"] for link in links] == [described[0]["SPDXID"]]


def test_the_sarif_log_has_what_the_standard_asks_for(audits: list[Audit]) -> None:
    log = sarif(audits, "1.0")
    # SARIF 2.1.0: 3.13 (log), 3.14 (run), 3.18 and 3.19 (tool), 3.49 (rules), 3.27 (results), 3.35 (suppressions).
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("farm audit", "1.0")
    rules = driver["rules"]
    assert [declared["id"] for declared in rules] == ["EXAMPLE-2026-1", "EXAMPLE-2026-2"]
    for rule in rules:
        assert rule["shortDescription"]["text"]
        assert rule["helpUri"].startswith("https://")
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
        assert 0.0 <= float(rule["properties"]["security-severity"]) <= 10.0
    assert len(run["results"]) == 3
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert " " not in location["physicalLocation"]["artifactLocation"]["uri"]
        assert location["logicalLocations"][0]["kind"] == "package"
    assert len({result["partialFingerprints"]["farm/1"] for result in run["results"]}) == 3
    assert [result.get("suppressions") for result in run["results"]] == [
        None,
        None,
        [{"kind": "external", "status": "accepted", "justification": "vulnerable_code_not_in_execute_path"}],
    ]


MINE = "dist.example.org/curl 8.0-1 (override: our own patch)"
DOUBTS = ("layer sha256:12 is of none of its packages", "sha256:34: its digest is not that of what it holds")


@pytest.fixture
def doubted() -> list[Audit]:
    """An image that is partly unknown, a run of which nothing is known, and a complete root."""
    image = Audit(
        "image", "api:1", "api:1: release 6", (JQ,), unattributed=DOUBTS, not_covered=(MINE,), untraced=("jq 1.7.1-1",)
    )
    run = Audit("run", "process 7", "process 7", (), not_covered=("jq-1.7.1-abc",))
    return [image, run, Audit("root", "/srv/tools", "/srv/tools: generation 3", (JQ,))]


KINDS = {"no-advisories", "unknown-content", "unknown-copies"}
SAID = [
    f"No advisories are published about a package in api:1: {MINE} is a local build",
    *(f"The content of api:1 is not fully known: {doubt}" for doubt in DOUBTS),
    "The code linked into a package in api:1 is not fully known: the build of jq 1.7.1-1 was not traced",
    "The content of process 7 is not fully known: its packages were not recorded on this host: jq-1.7.1-abc",
]


def test_what_is_not_known_in_whole_is_a_result_in_sarif(doubted: list[Audit], audits: list[Audit]) -> None:
    (run,) = sarif([*audits, *doubted], "1.0")["runs"]
    results = [result for result in run["results"] if result["ruleId"] in KINDS]
    assert [result["message"]["text"] for result in results] == SAID
    for result in results:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert [(result["ruleId"], result["level"]) for result in results] == [
        ("no-advisories", "error"),
        ("unknown-content", "error"),
        ("unknown-content", "error"),
        ("unknown-copies", "note"),
        ("unknown-content", "error"),
    ]
    assert [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results] == [
        *["image/api%3A1"] * 4, "run/process%207",
    ]  # fmt: skip
    assert len({result["partialFingerprints"]["farm/1"] for result in results}) == 5
    assert len(run["results"]) == 8


def test_what_is_not_known_in_whole_is_an_incomplete_composition_in_cyclonedx(
    validator: JsonStrictValidator, doubted: list[Audit]
) -> None:
    document = cyclonedx(doubted, "1.0", NOW)
    assert validator.validate_str(json.dumps(document)) is None
    image, run, _ = (component["bom-ref"] for component in document["components"])
    assert document["compositions"] == [{"aggregate": "incomplete", "assemblies": [image, run]}]
    assert [annotation["text"] for annotation in document["annotations"]] == SAID
    assert [annotation["subjects"] for annotation in document["annotations"]] == [[image]] * 4 + [[run]]


def test_what_is_not_known_in_whole_contains_what_nobody_asserts_in_spdx(doubted: list[Audit]) -> None:
    form = json.loads(spdx(doubted, NOW))
    document = JsonLikeDictParser().parse(form)  # type: ignore[no-untyped-call]
    assert validate_full_spdx_document(document) == []
    annotated = {
        spdx_package["SPDXID"]: spdx_package["annotations"]
        for spdx_package in form["packages"]
        if "annotations" in spdx_package
    }
    assert [annotation["comment"] for annotations in annotated.values() for annotation in annotations] == SAID
    unknown = [
        relationship["spdxElementId"]
        for relationship in form["relationships"]
        if relationship["relatedSpdxElement"] == "NOASSERTION"
    ]
    assert unknown == list(annotated)
    assert len(unknown) == 2


def test_the_message_says_all_that_one_has_to_know(audits: list[Audit]) -> None:
    first, second, _ = (result["message"]["text"] for result in sarif(audits, "1.0")["runs"][0]["results"])
    assert first == (
        "jq 1.7.1-1 since release 7 in api:1: EXAMPLE-2026-1 (critical), A crafted document overflows the stack. "
        "Fixed in release 7 with 9.0: farm image update api:1 jq."
    )
    assert second.startswith("jq 1.7.1-1 carries zlib 1.3-2 statically since release 7 in api:1: EXAMPLE-2026-2")
    assert second.endswith("No release fixes it yet: wait for zlib 9.0.")
