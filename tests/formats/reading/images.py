"""Images of published packages: composed anew, and read from a layout that was written once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from farm.client.audit.verification_image import verify_image
from farm.client.image.evidence import keep_image, release_head
from farm.client.image.known_image import open_image
from farm.client.image.making import builds_in, files_in, imports_in, make_image, record_in, replaced_in
from farm.client.image.package_set import parts_of
from farm.client.image.sbom import set_sbom
from farm.client.repository.archives import fetch_archives
from farm.core.names.digest import Digest
from farm.core.names.platform import Platform
from farm.core.subscriber.image_file import PathImport
from farm.oci.cosign import cosign_tag, parse_cosign_tag
from farm.oci.image_config import ImageConfig
from farm.oci.layout import read_layout, write_layout
from farm.oci.own_files import own_files
from farm.trust.attestation.image_request import AskedImage
from farm.trust.metadata.repository import Repository
from workers.checked_images import make_image as released_image

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.image.records import ImageRecord
    from farm.client.repository.host import Host

NOW = "2026-01-02T04:00:00Z"
CASES = ("plain", "whole", "own-files", "importing", "not-described", "from-both")
_AMD64 = Platform.parse("linux/amd64")


def compose(host: Host, case: str, folder: Path) -> ImageRecord:
    """Make one of the images, and keep it as `<case>:1`."""
    config, more, names = ImageConfig(_AMD64), {}, ["jq", "jq-doc"]
    match case:
        case "whole":
            config = ImageConfig(
                _AMD64,
                entrypoint=("/usr/bin/jq",),
                command=("--help",),
                environment=(("LANG", "C"),),
                user="65534:65534",
                working_directory="/srv",
                labels=(("org.example", "x"),),
                ports=("8080/tcp",),
                volumes=("/data",),
            )
        case "own-files":
            (folder / "app").mkdir(parents=True)
            (folder / "app" / "serve").write_text("#!/usr/bin/jq\n")
            more = {"own": own_files([(folder / "app", "app")], host.blobs)}
        case "importing":
            more = {"imports": (PathImport("opt/tools", "jq"), PathImport("srv/doc", "jq-doc", "share/doc"))}
        case "not-described":
            more = {"described": False}
        case "from-both":
            names = ["web", "zlib"]
    catalogue = host.catalogue("dist.example.org/edge")
    verified = catalogue.verified(names)
    fetch_archives(verified, lambda _blob: None)
    parts, head = parts_of(catalogue, verified), release_head(catalogue)
    made = make_image(parts, config, host.blobs, asked=names, releases=[head.ref], **more)  # type: ignore[arg-type]
    return keep_image(host.state, host.blobs, made, parts, [head], now=NOW, name=f"{case}:1")


def image_view(host: Host, record: ImageRecord) -> dict[str, Any]:
    """Return the values of an image that was made on this host."""
    manifest = json.loads(host.blobs.read(record.image.manifest.digest))
    config = json.loads(host.blobs.read(record.image.config.digest))
    known = open_image(record.names[0], host, None)
    catalogue = host.catalogue("dist.example.org/edge")
    parts = parts_of(catalogue, catalogue.verified(record.record.asked))
    return {
        "image": record.digest,
        "id": record.image.image_id,
        "manifest": manifest,
        "config": config,
        "layers": [[layer.diff_id, layer.blob.digest, layer.media_type, layer.holds] for layer in record.image.layers],
        "labels": _labels(config["config"]["Labels"]),
        "referrers": [
            [referrer.artifact_type, referrer.manifest.digest, [blob.digest for blob in referrer.blobs]]
            for referrer in record.referrers
        ],
        "faults": [
            list(map(str, (fault.of, fault.path, fault.what))) for fault in verify_image(host, known, None, None).faults
        ],
        "set-sbom": Digest.of(set_sbom(record.record, parts)),
        "cosign": [
            cosign_tag(record.digest, "sbom"),
            parse_cosign_tag(cosign_tag(record.digest, "att")) == (record.digest, "att"),
        ],
    }


def _labels(labels: dict[str, str]) -> list[Any]:
    record = record_in(labels)
    assert record
    imports = [[path_import.path, path_import.package, path_import.inside] for path_import in imports_in(labels)]
    return [
        record.digest,
        [package.full_version for package in record.packages],
        files_in(labels),
        list(replaced_in(labels)),
        imports,
        builds_in(labels),
    ]


def layout_of(host: Host, record: ImageRecord, directory: Path) -> None:
    """Write an image as an OCI layout, with all its referrers."""
    write_layout(record.image, host.blobs, directory, reference=record.names[0], referrers=record.referrers)


def layout_view(host: Host, directory: Path) -> dict[str, Any]:
    """Return what a host that did not write the layout reads from it, which also verifies it."""
    found = read_layout(directory)
    known = open_image(str(directory), host, None)
    verified = verify_image(host, known, None, None)
    return {
        "manifest": found.manifest.digest,
        "reference": found.reference,
        "labels": _labels(json.loads(found.config_json)["config"]["Labels"]),
        "packages": verified.packages,
        "faults": [list(map(str, (fault.of, fault.path, fault.what))) for fault in verified.faults],
    }


def registry_images(repository: Path) -> dict[str, list[Any]]:
    """Return what the farm's own registry would serve for requests about released packages."""
    found = {}
    for name, asked in {
        "plain": AskedImage("edge", 4, ("jq", "jq-doc"), plain=True),
        "packed": AskedImage("edge", 4, ("jq", "jq-doc"), plain=False),
        "earlier": AskedImage("edge", 1, ("zlib",), plain=True),
        "stable": AskedImage("stable", 1, ("jq",), plain=False),
    }.items():
        made = released_image(Repository(repository), asked)
        found[name] = [made.asked, made.image, Digest.of(made.sbom)]
    return found
