"""The commands of a subscriber whose packages need those of another distribution."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest

from farm.cli.main import main
from farm.client.repository.host import Host, composition_of
from farm.client.run import late_binding
from farm.client.run import links as run_links
from tests.foreign.neighbours import FIRST, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.foreign.neighbours import Neighbours


@pytest.fixture
def subscribed(neighbours: Neighbours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    neighbours.publish("openssl", "say")
    monkeypatch.setenv("FARM_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("FARM_HOST", str(tmp_path / "shared"))
    assert neighbours.second.founded is not None
    farm("subscribe", str(neighbours.second.public), "edge", "--fingerprint", neighbours.second.founded.fingerprint)


def farm(*words: str, status: int = 0, printed: bool = False) -> str:
    """A command's output; with another status its error message, unless the output is `printed` all the same."""
    output, message = io.TextIOWrapper(io.BytesIO()), io.StringIO()  # some print bytes
    with redirect_stdout(output), redirect_stderr(message), pytest.raises(SystemExit) as end:
        main(list(words))
    output.seek(0)
    text = output.read()
    assert int(end.value.code or 0) == status, f"{words}: {text}{message.getvalue()}"
    return text if status == 0 or printed else message.getvalue()


@pytest.mark.usefixtures("subscribed")
def test_info_shows_own_and_foreign_packages() -> None:
    own = json.loads(farm("info", "web", "--json"))
    assert own["entry"]["needs"] == [f"{FIRST}/openssl"]
    foreign = json.loads(farm("info", f"{FIRST}/openssl", "--json"))
    assert foreign["descriptor"]["name"] == f"{FIRST}/openssl"
    assert json.loads(farm("info", f"{SECOND}/web", "--json")) == own
    assert f"imported    from release 1 of {FIRST}/edge, sha256:" in farm("info", f"{FIRST}/openssl")
    assert "imported" not in farm("info", "web")
    assert f"has no package {FIRST}/nothing" in farm("info", f"{FIRST}/nothing", status=1)


@pytest.mark.usefixtures("subscribed")
def test_install_brings_both(tmp_path: Path) -> None:
    said = farm("install", "--root", str(tmp_path / "root"), "web")
    assert f"generation 1, 3 packages from release 1 of {SECOND}/edge" in said
    assert (tmp_path / "root/usr/bin/openssl").exists()
    assert f"generation 2, 3 packages from release 1 of {SECOND}/edge" in farm(
        "install", "--root", str(tmp_path / "root"), f"{FIRST}/openssl"
    )


@pytest.mark.usefixtures("subscribed")
def test_the_bill_of_materials_of_a_release_names_what_is_taken(neighbours: Neighbours) -> None:
    document = json.loads(farm("sbom"))
    elements = {package["name"]: package for package in document["packages"]}
    assert sorted(elements) == [f"{FIRST}/openssl", f"{FIRST}/say", "web"]
    ssl = elements[f"{FIRST}/openssl"]
    assert ssl["supplier"] == f"Organization: {FIRST}"
    assert neighbours.first.entries["openssl"][0].descriptor.digest in ssl["sourceInfo"]
    named = {package["SPDXID"] for package in document["packages"]} | {"SPDXRef-DOCUMENT"}
    for relationship in document["relationships"]:
        assert {relationship["spdxElementId"], relationship["relatedSpdxElement"]} <= named
    assert f"{FIRST}/openssl was published without" in farm("sbom", f"{FIRST}/openssl", status=1)


@pytest.mark.usefixtures("subscribed")
def test_an_image_has_a_layer_for_each(tmp_path: Path) -> None:
    said = farm("image", "build", "web", "--no-load", "--output", str(tmp_path / "oci"))
    assert "3 packages, 5 layers" in said
    assert (tmp_path / "oci/index.json").exists()


@pytest.mark.usefixtures("subscribed")
def test_a_run_mounts_both(tmp_path: Path) -> None:
    host = Host(tmp_path / "state", tmp_path / "shared")
    verified = host.catalogue().verified(["web"])
    composition = composition_of(verified)
    links = run_links.links_directory(host.state, composition)
    options = late_binding.RunOptions(command=("web",))
    unpacked = host.unpack(verified, lambda _blob: None)
    line = late_binding.docker_command("empty", composition, unpacked, links, options)
    for package in verified:
        assert f"--mount=type=bind,readonly,source={unpacked[package.store]},target=/packages/{package.store}" in line


@pytest.mark.usefixtures("subscribed")
def test_when_the_other_cannot_be_reached_the_address_is_named(neighbours: Neighbours, tmp_path: Path) -> None:
    (neighbours.first.public / "metadata").rename(tmp_path / "gone")
    said = farm("install", "--root", str(tmp_path / "root"), "web", status=1)
    assert f"packages of {FIRST} are taken from {neighbours.address}" in said
    assert not (tmp_path / "root" / ".farm" / "current").exists()
