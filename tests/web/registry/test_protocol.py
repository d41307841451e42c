"""The registry as a client of the OCI distribution specification sees it, request by request."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import TYPE_CHECKING

import pytest

from farm.core.names.digest import Digest
from web.registry import access_log

if TYPE_CHECKING:
    from pathlib import Path

    from tests.client.distribution import SmallDistribution
    from tests.web.registry.running import RunningRegistry

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
NOTHING = "sha256:" + "0" * 64


def test_the_root_says_that_it_is_a_registry(quiet: RunningRegistry) -> None:
    answered = quiet.ask("")
    assert (answered.status_code, answered.json()) == (200, {})
    assert answered.headers["docker-distribution-api-version"] == "registry/2.0"


def test_a_manifest_by_tag_and_by_digest_is_the_same_bytes(quiet: RunningRegistry) -> None:
    by_tag = quiet.ask("edge/greet/manifests/latest", Accept=MANIFEST)
    digest = by_tag.headers["docker-content-digest"]
    assert Digest.of(by_tag.content) == digest
    assert by_tag.headers["content-type"] == MANIFEST
    assert by_tag.headers["cache-control"] == "no-cache"
    by_digest = quiet.ask(f"edge/greet/manifests/{digest}")
    assert by_digest.content == by_tag.content
    assert "immutable" in by_digest.headers["cache-control"]
    head = quiet.ask("edge/greet/manifests/latest", "HEAD")
    assert head.content == b""
    assert {key: head.headers[key] for key in ("content-length", "content-type", "docker-content-digest")} == {
        key: by_tag.headers[key] for key in ("content-length", "content-type", "docker-content-digest")
    }


def test_what_somebody_has_already_is_not_sent_again(quiet: RunningRegistry) -> None:
    digest = quiet.digest("edge/greet")
    config = quiet.manifest("edge/greet")["config"]["digest"]
    for path, tag in ((f"edge/greet/manifests/{digest}", digest), (f"edge/greet/blobs/{config}", config)):
        for known in (f'"{tag}"', f'"other", W/"{tag}"'):
            answered = quiet.ask(path, **{"If-None-Match": known})
            assert (answered.status_code, answered.content) == (304, b"")
            assert (answered.headers["etag"], answered.headers["docker-content-digest"]) == (f'"{tag}"', tag)
        assert quiet.ask(path, **{"If-None-Match": '"other"'}).status_code == 200
    assert quiet.ask("edge/greet/manifests/latest", **{"If-None-Match": f'"{digest}"'}).status_code == 304


def test_a_connection_is_kept_for_answers_of_all_kinds(quiet: RunningRegistry) -> None:
    blob = quiet.manifest("edge/greet")["config"]["digest"]
    connection = http.client.HTTPConnection(quiet.host)
    connection.connect()
    with contextlib.closing(connection):
        before = connection.sock
        for method, path, status in (
            ("HEAD", "edge/greet/manifests/latest", 200),
            ("HEAD", "edge/gret/manifests/latest", 404),
            ("GET", "edge/greet/manifests/9", 404),
            ("HEAD", f"edge/greet/blobs/{blob}", 200),
            ("GET", f"edge/greet/blobs/{blob}", 200),
            ("PUT", "edge/greet/manifests/latest", 405),
        ):
            connection.request(method, f"/v2/{path}")
            answered = connection.getresponse()
            answered.read()
            assert (method, answered.status) == (method, status)
            assert connection.sock is before


def test_names_in_any_order_are_one_image(quiet: RunningRegistry) -> None:
    one = quiet.digest("edge/greet/alone")
    assert quiet.digest("edge/alone/greet/greet") == one
    assert quiet.digest("edge/alone/greet", "1") == one
    assert quiet.digest("edge/greet") != one


def test_every_layer_is_there_and_is_the_size_that_was_said(quiet: RunningRegistry) -> None:
    manifest = quiet.manifest("edge/greet/alone/c_p_p")
    for blob in (manifest["config"], *manifest["layers"]):
        head = quiet.ask(f"edge/greet/blobs/{blob['digest']}", "HEAD")
        content = quiet.ask(f"edge/greet/blobs/{blob['digest']}").content
        assert int(head.headers["content-length"]) == len(content) == blob["size"]
        assert Digest.of(content) == blob["digest"] == head.headers["docker-content-digest"]
        assert head.content == b""


def test_the_layer_of_a_package_is_the_published_archive_itself(
    registry: RunningRegistry, distribution: SmallDistribution
) -> None:
    archive = distribution.entries["alone"][0].archive.digest
    digests = [layer["digest"] for layer in registry.manifest("edge/alone")["layers"]]
    assert archive in digests
    kept = registry.folder / "blobs" / "sha256" / archive.hex[:2] / archive.hex[2:]
    assert kept.samefile(distribution.blobs.path(archive))


def test_a_part_of_a_blob_can_be_asked_for(quiet: RunningRegistry) -> None:
    layer = quiet.manifest("edge/alone")["layers"][-1]
    path = f"edge/alone/blobs/{layer['digest']}"
    whole = quiet.ask(path).content
    middle = quiet.ask(path, Range="bytes=100-299")
    assert (middle.status_code, middle.content) == (206, whole[100:300])
    assert middle.headers["content-range"] == f"bytes 100-299/{len(whole)}"
    assert quiet.ask(path, Range=f"bytes={len(whole) - 5}-").content == whole[-5:]
    assert quiet.ask(path, Range="bytes=-5").content == whole[-5:]
    for behind in (f"bytes={len(whole)}-", "bytes=-0"):
        answered = quiet.ask(path, Range=behind)
        assert (answered.status_code, answered.headers["content-range"]) == (416, f"bytes */{len(whole)}")
        assert answered.json()["errors"][0]["code"] == "RANGE_INVALID"
    for odd in ("bytes=5-2", "bytes=0-1,4-5", "bytes=x-", "lines=1-2", "bytes=-", f"bytes={'9' * 30}-"):
        answered = quiet.ask(path, Range=odd)
        assert (answered.status_code, answered.content) == (200, whole)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("edge/manifests/latest", 400, "NAME_INVALID"),
        ("edge/UP/manifests/latest", 400, "NAME_INVALID"),
        ("edgy/greet/manifests/latest", 404, "NAME_UNKNOWN"),
        ("edge/gret/manifests/latest", 404, "NAME_UNKNOWN"),
        ("edge/gret/tags/list", 404, "NAME_UNKNOWN"),
        ("edge/greet/manifests/2", 404, "MANIFEST_UNKNOWN"),
        ("edge/greet/manifests/newest", 404, "MANIFEST_UNKNOWN"),
        (f"edge/greet/manifests/{NOTHING}", 404, "MANIFEST_UNKNOWN"),
        ("edge/greet/manifests/sha256:12", 400, "DIGEST_INVALID"),
        (f"edge/greet/blobs/{NOTHING}", 404, "BLOB_UNKNOWN"),
        ("edge/greet/blobs/latest", 400, "DIGEST_INVALID"),
        ("edge/greet/referrers/latest", 400, "DIGEST_INVALID"),
        ("_catalog", 404, "UNSUPPORTED"),
        ("edge/greet/blobs/uploads/", 404, "UNSUPPORTED"),
    ],
)
def test_each_refusal_has_its_code(quiet: RunningRegistry, path: str, status: int, code: str) -> None:
    assert quiet.refused(path)[:2] == (status, code)


def test_what_is_not_there_is_answered_with_what_is_near(quiet: RunningRegistry) -> None:
    assert "Did you mean greet?" in quiet.refused("edge/alone/gret/manifests/latest")[2]
    assert "Did you mean edge?" in quiet.refused("edgy/greet/manifests/latest")[2]
    assert "has no release 2. The newest that is signed is 1." in quiet.refused("edge/greet/manifests/2")[2]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nobody_writes(quiet: RunningRegistry, method: str) -> None:
    for path in ("edge/greet/blobs/uploads/", "edge/greet/manifests/latest", ""):
        assert quiet.refused(path, method)[:2] == (405, "UNSUPPORTED")
    assert quiet.ask("edge/greet/manifests/latest", "PUT").headers["allow"] == "GET, HEAD"


def test_only_manifests_are_given_as_manifests(quiet: RunningRegistry) -> None:
    manifest = quiet.manifest("edge/greet")
    for blob in (manifest["config"], *manifest["layers"]):
        assert quiet.refused(f"edge/greet/manifests/{blob['digest']}")[:2] == (404, "MANIFEST_UNKNOWN")


def test_tags_are_the_releases_that_hold_the_packages_page_by_page(
    registry: RunningRegistry, distribution: SmallDistribution
) -> None:
    distribution.package("late", {"share/late": "late"})
    distribution.publish()
    distribution.publish()
    assert registry.ask("edge/greet/tags/list").json() == {
        "name": "edge/greet",
        "tags": ["1", "1-plain", "2", "2-plain", "3", "3-plain", "latest", "latest-plain"],
    }
    held = ["2", "2-plain", "3", "3-plain", "latest", "latest-plain"]
    assert registry.ask("edge/greet/late/tags/list").json()["tags"] == held
    assert registry.refused("edge/late/manifests/1")[:2] == (404, "NAME_UNKNOWN")

    found, path = [], "edge/late/greet/tags/list?n=4"
    while path:
        answered = registry.ask(path)
        found.append(answered.json()["tags"])
        path = answered.links.get("next", {}).get("url", "").removeprefix("/v2/")
    assert found == [held[:4], held[4:]]
    assert registry.ask("edge/greet/tags/list?n=0").json()["tags"] == []
    assert registry.ask("edge/greet/tags/list?last=latest").json()["tags"] == ["latest-plain"]


def test_a_package_that_has_gone_is_found_in_the_releases_that_had_it(
    registry: RunningRegistry, distribution: SmallDistribution
) -> None:
    before = registry.digest("edge/alone")
    del distribution.entries["alone"]
    distribution.publish()
    assert registry.refused("edge/alone/manifests/latest")[1] == "NAME_UNKNOWN"
    assert registry.digest("edge/alone", "1") == before
    assert registry.ask("edge/alone/tags/list").json()["tags"] == ["1", "1-plain"]


def test_what_refers_to_an_image_is_listed_by_kind(quiet: RunningRegistry) -> None:
    digest = quiet.digest("edge/greet")
    listed = quiet.ask(f"edge/greet/referrers/{digest}")
    assert listed.headers["content-type"] == "application/vnd.oci.image.index.v1+json"
    assert len(listed.json()["manifests"]) == 3
    for referrer in listed.json()["manifests"]:
        manifest = quiet.ask(f"edge/greet/manifests/{referrer['digest']}").json()
        assert manifest["subject"]["digest"] == digest
        for blob in manifest["layers"]:
            content = quiet.ask(f"edge/greet/blobs/{blob['digest']}").content
            assert (Digest.of(content), len(content)) == (blob["digest"], blob["size"])
    release = "application/vnd.farm.release.v1+json"
    some = quiet.ask(f"edge/greet/referrers/{digest}?artifactType={release}")
    assert [referrer["artifactType"] for referrer in some.json()["manifests"]] == [release]
    assert some.headers["oci-filters-applied"] == "artifactType"
    none = quiet.ask(f"edge/greet/referrers/{NOTHING}")
    assert (none.status_code, none.json()["manifests"]) == (200, [])


def test_an_access_log_that_cannot_be_written_keeps_nobody_from_pulling(registry: RunningRegistry) -> None:
    (registry.folder / "access.log").mkdir(parents=True)
    manifest = registry.manifest("edge/greet")
    assert registry.ask(f"edge/greet/blobs/{manifest['config']['digest']}").status_code == 200


def test_an_access_log_that_has_grown_large_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_log, "LARGEST", 100)
    logs = [access_log.AccessLog(tmp_path / "access.log") for _ in range(2)]  # of two processes
    for number in range(40):
        logs[number % 2].write({"number": number, "padding": "x" * 20})
    lines = [json.loads(line) for name in ("access.log.1", "access.log") for line in (tmp_path / name).open()]
    assert [line["number"] for line in lines] == list(range(40 - len(lines), 40))
    assert len(lines) >= 3


def test_the_access_log_counts_blobs_and_bytes(registry: RunningRegistry) -> None:
    manifest = registry.manifest("edge/greet")
    for layer in manifest["layers"]:
        registry.ask(f"edge/greet/blobs/{layer['digest']}")
    registry.ask(f"edge/greet/blobs/{manifest['layers'][0]['digest']}", "HEAD")
    registry.refused("edge/greet/blobs/x")
    lines = registry.lines("blob")
    assert [(line["method"], line["status"], line["bytes"]) for line in lines[:-2]] == [
        ("GET", 200, layer["size"]) for layer in manifest["layers"]
    ]
    assert [(line["method"], line["status"]) for line in lines[-2:]] == [("HEAD", 200), ("GET", 400)]
    assert lines[-2]["bytes"] == 0
    assert {line["name"] for line in lines} == {"edge/greet"}
    assert json.dumps(lines[0]["reference"]) == json.dumps(manifest["layers"][0]["digest"])
    registry.ask("edge/greet/manifests/latest", "HEAD")
    got, head = registry.lines("manifest")
    assert got["bytes"] > 0
    assert head["bytes"] == 0
    assert got["address"] == "127.0.0.1"
    registry.ask(
        "", **{"X-Forwarded-For": "198.51.100.9, 192.0.2.7"}
    )  # by a proxy on this machine, from what it received
    assert registry.lines()[-1]["address"] == "192.0.2.7"
