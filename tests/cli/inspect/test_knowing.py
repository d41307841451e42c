"""The inspecting verbs as a user types them: what they print, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.client.distribution import SmallDistribution
from tests.core.advisories.osv_documents import osv
from tests.foreign.neighbours import announce, review

if TYPE_CHECKING:
    from collections.abc import Callable

    Farm = Callable[..., subprocess.CompletedProcess[str]]

COMMAND = Path(sys.executable).with_name("farm")


@pytest.fixture
def distribution(tmp_path: Path) -> SmallDistribution:
    """`parse` carries code of `pack`, and needs `say` to run."""
    distribution = SmallDistribution(tmp_path / "distribution")
    distribution.package("pack", {"lib/pack.a": "pack 1\n"}, version="1.3")
    distribution.package("say", {"bin/say": "\x7fnot elf", "etc/say.conf": "loud\n"})
    distribution.package("parse", {"bin/parse": "#!/usr/bin/say\n"}, linked=("pack",))
    distribution.publish()
    return distribution


@pytest.fixture
def farm(distribution: SmallDistribution, tmp_path: Path) -> Farm:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "FARM_STATE": str(tmp_path / "state"),
        "FARM_HOST": str(tmp_path / "host"),
        "DOCKER_HOST": f"unix://{tmp_path}/no-docker.sock",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    assert distribution.founded is not None
    done(run("subscribe", str(distribution.public), "edge", "--fingerprint", distribution.founded.fingerprint))
    return run


def done(ended: subprocess.CompletedProcess[str], status: int = 0) -> str:
    assert ended.returncode == status, ended.stderr + ended.stdout
    return ended.stdout


def json_of(ended: subprocess.CompletedProcess[str], status: int = 0) -> Any:
    return json.loads(done(ended, status))


def test_images_are_audited_and_the_status_is_for_scripts(distribution: SmallDistribution, farm: Farm) -> None:
    announce(distribution)
    done(farm("image", "build", "parse", "--tag", "api:1", "--no-load"))
    done(farm("image", "build", "say", "--output", "say-oci", "--no-load"))
    said = done(farm("audit", "api:1"), 4)
    assert "not reviewed for vulnerabilities" in said
    assert "Not reviewed: pack, parse, say." in said
    review(distribution, "pack", "parse", "say")
    assert "no advisory applies" in done(farm("audit", "api:1"))
    announce(distribution, osv(package="pack", fixed="1.4"))
    printed = done(farm("audit", "api:1", "say-oci"), 3)
    assert "parse    1.0-1 (carries pack 1.3-1 statically)  EXAMPLE-2026-1" in printed
    assert "No release fixes parse yet." in printed
    assert "say-oci: image sha256:" in printed
    first, second = json_of(farm("audit", "api:1", "say-oci", "--format", "json"), 3)["subjects"]
    assert [finding["carries"]["library"] for finding in first["findings"]] == ["dist.example.org/pack"]
    assert (second["kind"], second["packages"], second["findings"]) == ("image", 1, [])


@pytest.mark.parametrize(("form", "key"), [("sarif", "runs"), ("cyclonedx", "bomFormat"), ("spdx", "spdxVersion")])
def test_other_forms_are_printed_with_the_same_status(
    distribution: SmallDistribution, farm: Farm, form: str, key: str
) -> None:
    announce(distribution, osv(package="say", fixed="2.0"))
    assert key in json_of(farm("audit", "--format", form), 3)


def test_an_audit_of_what_runs_says_that_no_docker_answers(distribution: SmallDistribution, farm: Farm) -> None:
    announce(distribution)
    ended = farm("audit", "--running")
    assert done(ended) == "nothing that farm started is running\n"
    assert "no Docker Engine answers" in ended.stderr


def test_names_that_are_not_there_are_answered_with_those_that_are(farm: Farm) -> None:
    assert done(farm("search", "parze")) == "nothing found. Did you mean parse?\n"
    assert done(farm("search", "nothing like it")) == "nothing found.\n"
    for verb, other in (("show", "info"), ("exec", "run"), ("outdated", "upgrade"), ("verfy", "verify")):
        assert f"Did you mean '{other}'?" in farm(verb).stderr


def test_an_audit_looks_at_one_kind_of_thing(farm: Farm) -> None:
    done(farm("audit", "api:1", "--running"), 2)
    done(farm("audit", "--root", "x", "--channel", "edge"), 2)
    assert "there is no image 'nothing:1'" in farm("audit", "nothing:1").stderr


def test_images_that_hold_a_package_are_listed_with_it(distribution: SmallDistribution, farm: Farm) -> None:
    assert done(farm("images")) == "no images\n"
    done(farm("image", "build", "parse", "--tag", "api:1", "--no-load"))
    done(farm("image", "build", "say", "--tag", "web:1", "--no-load"))
    every = done(farm("images"))
    assert [line.split()[0] for line in every.splitlines()] == ["NAME", "api:1", "web:1"]
    assert every.splitlines()[1].endswith("no         parse 1.0-1, say 1.0-1")
    both = json_of(farm("images", "--holding", "say<1.1", "--json"))
    assert [image["names"] for image in both] == [["api:1"], ["web:1"]]
    assert both[1]["holding"] == [{"package": "dist.example.org/say", "version": "1.0-1", "carries": None}]
    # No image has the library, but one image has its code.
    carrying = done(farm("images", "--holding", "pack<1.4", "--holding", "say"))
    assert carrying.splitlines()[1].endswith("parse 1.0-1 (carries pack 1.3 statically), say 1.0-1")
    assert done(farm("images", "--holding", "say>1.0")) == "no image holds say>1.0\n"
    wrong = farm("images", "--holding", "say<<1")
    assert wrong.returncode == 2
    assert "error: column 4: << is not an operator\n      say<<1\n         ^" in wrong.stderr


def test_who_needs_a_package_is_told_of_channels_roots_and_images(farm: Farm) -> None:
    done(farm("install", "--root", "root", "parse"))
    done(farm("image", "build", "parse", "--tag", "api:1", "--no-load"))
    for where, place in (
        ((), "release 1 of dist.example.org/edge"),
        (("--image", "api:1"), "api:1"),
    ):
        printed = done(farm("why", "--reverse", "say", *where))
        assert printed == (
            f"{place}: say, of say 1.0-1: 1 package needs it\n\n"
            "PACKAGE      NEEDS\n"
            "parse 1.0-1  /usr/bin/say by bin/parse\n"
        )
    form = json_of(farm("why", "--reverse", "command:say", "--root", "root", "--json"))
    assert (form["provided-by"], [dependent["package"] for dependent in form["dependents"]]) == (["say"], ["parse"])
    ended = farm("why", "--reverse", "sya")
    assert ended.returncode == 1
    assert "Did you mean say?" in ended.stderr
    done(farm("why", "--reverse", "say", "--root", "root", "--image", "api:1"), 2)


def test_a_damaged_root_is_told_mended_and_well_again(farm: Farm, tmp_path: Path) -> None:
    done(farm("install", "--root", "root", "parse"))
    assert "2 packages, 28 B: all as signed" in done(farm("verify", "--root", "root"))
    place = (tmp_path / "root/etc/say.conf").resolve()
    place.chmod(0o644)
    place.write_text("LOUD\n")
    inside = place.relative_to(tmp_path / "root")
    printed = done(farm("verify", "--root", "root"), 3)
    assert f"1 thing is not as signed\n  altered dist.example.org/say {inside}: its content differs\n" in printed
    assert [fault["path"] for fault in json_of(farm("verify", "--root", "root", "--json"), 3)["faults"]] == [
        str(inside)
    ]
    mended = done(farm("verify", "--root", "root", "--fix"))
    assert "restored: say 1.0-1 from its verified archive" in mended
    assert place.read_text() == "loud\n"
    assert json_of(farm("verify", "--root", "root", "--fix", "--json"))["mended"] == []


def test_an_image_is_verified_by_its_name(farm: Farm, tmp_path: Path) -> None:
    done(farm("image", "build", "say", "--output", "say-oci", "--no-load"))
    assert "1 package, 13 B: all as signed" in done(farm("verify", "say-oci"))
    largest = max((tmp_path / "say-oci/blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes() + b"more")
    assert "1 thing is not as signed" in done(farm("verify", "say-oci"), 3)
    done(farm("verify", "say-oci", "--fix"), 2)
    done(farm("verify"), 2)


def test_the_chain_behind_a_file_is_told_in_words_and_as_json(farm: Farm, tmp_path: Path) -> None:
    done(farm("install", "--root", "root", "parse"))
    printed = done(farm("provenance", "root/usr/bin/parse"))
    root = tmp_path / "root"
    assert printed.startswith(
        f"{root}/usr/bin/parse is bin/parse of dist.example.org/parse 1.0-1, in generation 1 of {root}\n"
        "  as in the signed manifest: 15 B, sha256:"
    )
    assert "pack 1.3-1, in release 1 of dist.example.org/edge; code of it was linked in" in printed
    of_channel = json_of(farm("provenance", "parse", "--json"))
    assert of_channel == json_of(farm("provenance", "parse", "--root", "root", "--json"))
    assert (of_channel["file"], of_channel["override"], of_channel["contradictions"]) == (None, None, [])
    assert of_channel["verified"]["release"]["number"] == 1
    deep = json_of(farm("provenance", "dist.example.org/parse", "--deep", "--json"))
    assert [provenance["package"] for provenance in deep] == ["dist.example.org/parse", "dist.example.org/pack"]
    place = (tmp_path / "root/usr/bin/parse").resolve()
    place.chmod(0o755)
    place.write_text("#!/usr/bin/say!\n")
    assert "NOT AS SIGNED: it has 16 bytes, not 15" in done(farm("provenance", f"{tmp_path}/root/usr/bin/parse"), 3)
    assert "lies in no directory that farm has installed into" in farm("provenance", "/etc/passwd").stderr
    done(farm("provenance", "./root/usr/bin/parse", "--root", "root"), 2)
    assert "Did you mean parse" in farm("provenance", "prse", "--root", "root").stderr


def test_why_a_package_is_there_is_told_by_what_was_asked_for(farm: Farm) -> None:
    done(farm("install", "--root", "asked", "parse"))
    where, chain = done(farm("why", "say", "--root", "asked")).splitlines()
    assert where.endswith("/asked: say, of say 1.0-1")
    assert chain == "  parse was requested: parse → say"
    assert done(farm("why", "parse", "--root", "asked")).splitlines()[1:] == ["  parse was requested"]
    form = json_of(farm("why", "command:say", "--root", "asked", "--json"))
    assert (form["provided-by"], form["chains"]) == (["say"], [["parse", "say"]])
    assert done(farm("why", "say")).endswith("/asked:\n  parse was requested: parse → say\n")
