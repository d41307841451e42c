"""A library that loses a symbol, in real ELF files: an override admits it; broken guarantees are reported and kept."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from farm.cli.main import farm
from farm.client.audit.verification_image import verify_image
from farm.client.image.evidence import keep_image, release_head
from farm.client.image.known_image import open_image
from farm.client.image.making import make_image
from farm.client.image.package_set import parts_of
from farm.client.image.replacement import UpdateRefusedError
from farm.client.override.overrides import OverrideError, Overrides, OverrideScope
from farm.core.names.digest import Digest
from farm.core.sets.members.set_record import BrokenGuarantees
from farm.oci.image_config import ImageConfig
from tests.client.distribution import SmallDistribution
from tests.client.images import NOW, build, update
from tests.client.override.test_overrides import built, put
from tests.client.tls import needs_compiler

if TYPE_CHECKING:
    from pathlib import Path

    from farm.client.repository.host import Host
    from tests.client.tls import Compiler

pytestmark = needs_compiler

WHY = "curl does not call it here"
LOST = "curl 8.0-1: bin/curl imports tls_legacy (no version) from libtls.so.1, which tls 4.0-1 does not export"


@pytest.fixture
def losing(curl: SmallDistribution, compiler: Compiler) -> SmallDistribution:
    """The channel now has a library that lost a symbol, and no curl that works without it."""
    curl.package("tls", {"lib/libtls.so.1": compiler.library(44, legacy=False)}, version="4.0")
    del curl.entries["curl"]
    curl.publish()
    return curl


@pytest.mark.usefixtures("losing")
def test_with_an_override_it_goes_in_and_the_image_says_what_is_void(host: Host) -> None:
    with pytest.raises(UpdateRefusedError, match="tls_legacy"):
        update(host, "curl:1", "tls")
    before = open_image("curl:1", host, None).record.package("tls")
    found = update(host, "curl:1", "tls", name="curl:2", override=WHY)
    assert found is not None
    known = open_image("curl:2", host, None)
    (placed,) = known.record.overrides
    assert before is not None
    assert (placed.stands_for, placed.why) == (before.descriptor, WHY)
    assert placed.broken is not None
    assert (placed.broken.instead_of, placed.broken.dependents, placed.broken.problems) == (
        "tls 3.0-1",
        ("curl",),
        (LOST,),
    )
    assert json.loads(known.labels["farm.record"])["packages"] == [
        package.to_dict() for package in known.record.packages
    ]


def test_the_bill_of_materials_says_it_too(losing: SmallDistribution, host: Host) -> None:
    assert losing.released is not None
    found = update(host, "curl:1", "tls", name="curl:2", override=WHY)
    assert found is not None
    kept = open_image("curl:2", host, None).kept
    assert kept is not None
    document = next(referrer for referrer in kept.referrers if referrer.artifact_type == "application/spdx+json")
    packages: list[dict[str, Any]] = json.loads(host.blobs.read(document.blobs[-1].digest))["packages"]
    (comment,) = [package["comment"] for package in packages if package["name"] == "tls"]
    assert WHY in comment
    assert LOST in comment
    assert "Not tested with it: curl." in comment


def test_a_later_update_of_another_package_keeps_it(losing: SmallDistribution, host: Host) -> None:
    update(host, "curl:1", "tls", name="curl:2", override=WHY)
    losing.package("unrelated", {"share/unrelated": "y"}, version="2.0")
    losing.publish()
    found = update(host, "curl:2", "unrelated", name="curl:3")
    assert found is not None
    (placed,) = found.made.record.overrides
    assert placed.broken is not None
    assert (placed.why, placed.broken.instead_of, placed.broken.problems) == (WHY, "tls 3.0-1", (LOST,))


def test_a_build_that_fits_ends_it(losing: SmallDistribution, compiler: Compiler, host: Host) -> None:
    update(host, "curl:1", "tls", name="curl:2", override=WHY)
    losing.package("tls", {"lib/libtls.so.1": compiler.library(45)}, version="4.1")
    losing.publish()
    found = update(host, "curl:2", "tls", override="not needed")
    assert found is not None
    assert found.made.record.overrides == ()


def test_when_all_that_needs_it_does_without_it_is_no_override_any_more(
    losing: SmallDistribution, compiler: Compiler, host: Host
) -> None:
    """The channel's own build was admitted: once no guarantee is broken, it is an ordinary package of the channel."""
    update(host, "curl:1", "tls", name="curl:2", override=WHY)
    assert update(host, "curl:2", "tls") is None
    losing.package("curl", {"bin/curl": compiler.program("tls_connect")}, version="8.1")
    losing.publish()
    found = update(host, "curl:2", "curl", name="curl:3")
    assert found is not None
    assert found.made.record.overrides == ()
    fresh = build(host, "curl", "loader", "unrelated", command=("/usr/bin/curl",))
    assert found.made.image.digest == fresh.digest
    assert verify_image(host, open_image("curl:3", host, None), None, None).unsigned == ()


def test_an_override_with_which_nothing_is_wrong_ends_when_it_is_named(curl: SmallDistribution, host: Host) -> None:
    """As in images of the first farm, which kept naming it."""
    assert curl.released is not None
    catalogue = host.catalogue()
    parts, head = parts_of(catalogue, catalogue.verified(["curl"])), release_head(catalogue)
    (tls,) = (part for part in parts if part.descriptor.name.short == "tls")
    marked = replace(tls.placed, stands_for=Digest.of(b"another"), why=WHY, broken=BrokenGuarantees("tls 2.9-1"))
    config = ImageConfig(tls.descriptor.platform)
    placed = {tls.descriptor.digest: marked}
    made = make_image(parts, config, host.blobs, asked=["curl"], releases=[head.ref], placed=placed)
    keep_image(host.state, host.blobs, made, parts, [head], now=NOW, name="curl:5")
    found = update(host, "curl:5", "tls", name="curl:6")
    assert found is not None
    assert (found.made.record.overrides, found.changes) == ((), ())
    assert update(host, "curl:6", "tls") is None


def test_a_problem_of_another_package_is_refused_with_an_override_in_the_image(
    losing: SmallDistribution, host: Host
) -> None:
    update(host, "curl:1", "tls", name="curl:2", override=WHY)
    losing.package("unrelated", {"bin/script": "#!/usr/bin/nowhere\n"}, version="2.0")
    losing.package("nowhere", {"bin/nowhere": "x"})
    losing.publish()
    losing.package("unrelated", {"share/unrelated": "z", "bin/curl": "another"}, version="3.0")
    losing.publish()
    with pytest.raises(UpdateRefusedError, match="both claim /usr/bin/curl"):
        update(host, "curl:2", "unrelated")


def test_what_the_host_overrides_goes_into_an_image_too(
    curl: SmallDistribution,
    compiler: Compiler,
    host: Host,
    tmp_path: Path,
) -> None:
    assert curl.released is not None
    mine = SmallDistribution(tmp_path / "mine")
    library = compiler.library(46, legacy=False)
    put(host, built(host, mine, "tls", {"lib/libtls.so.1": library}, version="3.0.1"), "tls", why="patched")  # type: ignore[dict-item]
    found = update(host, "curl:1", "tls", name="curl:2")
    assert found is not None
    (placed,) = found.made.record.overrides
    assert (placed.full_version, placed.channel, placed.why) == ("3.0.1-1", "", "patched")
    assert placed.broken is not None
    assert (placed.broken.instead_of, placed.broken.dependents) == ("tls 3.0-1", ("curl",))
    assert len(placed.broken.problems) == 1
    assert update(host, "curl:2", "tls") is None
    with pytest.raises(OverrideError, match="tls is overridden"):
        update(host, "curl:2", "tls", to="3.0")
    Overrides(host.state).remove(OverrideScope(), "tls")
    back = update(host, "curl:2", "tls")
    assert back is not None
    assert back.made.record.overrides == ()


@pytest.mark.usefixtures("curl")
def test_what_a_stand_in_needs_and_the_release_has_not_is_named_by_the_proof(host: Host, tmp_path: Path) -> None:
    mine = SmallDistribution(tmp_path / "mine")
    override = built(host, mine, "tls", {"bin/tls": "#!/usr/bin/nowhere\n"}, version="3.0.1")
    put(host, replace(override, entry=replace(override.entry, needs=("nowhere",))), "tls", why="a try")
    found = update(host, "curl:1", "tls", name="curl:2")
    assert found is not None
    (placed,) = found.made.record.overrides
    assert placed.broken is not None
    assert any("bin/tls is run by /usr/bin/nowhere" in problem for problem in placed.broken.problems)


def test_nothing_is_said_to_be_tested_that_an_override_voids(
    curl: SmallDistribution, compiler: Compiler, host: Host
) -> None:
    curl.package("tls", {"lib/libtls.so.1": compiler.library(44, legacy=False)}, version="4.0")
    curl.publish(checked=False)
    found = update(host, "curl:1", "tls", override=WHY)
    assert found is not None
    assert (found.trial.dependents, found.together, found.apart, found.brought) == (("curl",), (), (), ())


@pytest.mark.usefixtures("losing")
def test_the_command_says_it_and_so_does_looking_into_the_image(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        os, "environ", {**os.environ, "FARM_STATE": str(host.state), "FARM_HOST": str(tmp_path / "shared")}
    )
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    layout = str(tmp_path / "layout")
    runner = CliRunner()
    done = runner.invoke(farm, ["image", "update", "curl:1", "tls", "--override", WHY, "--output", layout, "--no-load"])
    assert done.exception is None, done.output
    assert "OVERRIDE: tls 4.0-1, of dist.example.org/edge, replaces tls 3.0-1: " + WHY in done.output
    assert "proven: " not in done.output
    shown = runner.invoke(farm, ["image", "inspect", layout]).output
    assert f"  proof failed: {LOST}" in shown
    assert "  not guaranteed: all that the release guarantees of tls 3.0-1; that it was tested with curl" in shown
