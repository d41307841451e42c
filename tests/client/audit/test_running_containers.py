"""A container's labels are trusted only as far as its image, or what is mounted into it, confirms them."""

from __future__ import annotations

import io
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import docker.errors
import pytest

from farm.client.audit.audit import Auditor
from farm.client.audit.running_containers import RunningContainers
from farm.client.audit.subjects import running_subject
from farm.client.image.records import ImageRecords
from farm.client.repository.host import Host, composition_of
from farm.client.run.late_binding import RunOptions, docker_command
from farm.client.run.links import links_directory
from farm.client.run.processes import Running, starts
from farm.client.run.record import append_run, run_form
from farm.container.docker_objects import running_containers
from farm.container.empty_image import EmptyImage
from farm.container.image_store import EngineImages, ImageStore
from farm.container.sandbox import connect
from farm.core.names.platform import Platform
from farm.oci.image_archive import image_archive
from tests.client.distribution import SmallDistribution
from tests.client.images import build, subscribe
from tests.client.installing import install
from tests.foreign.neighbours import announce
from tests.oci.packages import waiting_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import docker

pytestmark = pytest.mark.docker


@dataclass
class Machine:
    """A host that follows a distribution, with an image of it in its engine; `containers` and `images` are removed."""

    host: Host
    distribution: SmallDistribution
    client: docker.APIClient
    image: str
    containers: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)

    def start(self, image: str = "", *, labels: Mapping[str, str] | None = None, binds: Sequence[str] = ()) -> str:
        """Start a container and return its name."""
        name = f"farm-test-{secrets.token_hex(6)}"
        config = self.client.create_host_config(network_mode="none", binds=list(binds), tmpfs={"/run": ""}, init=True)
        self.client.create_container(image or self.image, name=name, labels=dict(labels or {}), host_config=config)
        self.containers.append(name)
        self.client.start(name)
        return name

    def look(self, *names: str, engine_images: EngineImages | None = None) -> list[Running]:
        looking = RunningContainers(self.host, engine_images or EngineImages(self.client), starts([self.host.state]))
        found = {container.name: container for container in running_containers(self.client)}
        return [looking.look(found[name]) for name in names]


@contextmanager
def waiting_machine(folder: Path) -> Iterator[Machine]:
    distribution = SmallDistribution(folder / "distribution")
    distribution.package("waits", {"bin/waits": waiting_program(), "share/waits/words": "words\n"})
    distribution.publish()
    announce(distribution)
    host, client = Host(folder / "state", folder / "shared"), connect(os.environ.get("DOCKER_HOST", ""))
    subscribe(host, distribution)
    name = f"farm-test/{secrets.token_hex(6)}:1"
    image = build(host, "waits", entrypoint=("waits",), user="0:0", environment=(("PATH", "/usr/bin"),))
    ImageStore(client).load(
        image.image, partial(image_archive, image.image, host.blobs, reference=name), reference=name
    )
    ImageRecords(host.state).forget(image)  # as if the image came from elsewhere
    machine = Machine(host, distribution, client, name)
    try:
        yield machine
    finally:
        for container in machine.containers:
            client.remove_container(container, force=True)
        for reference in (*machine.images, name):
            client.remove_image(reference, force=True)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with waiting_machine(tmp_path_factory.mktemp("machine")) as machine:
        yield machine


class CountingCache(EngineImages):
    """An engine's images, and how often it was asked for an image's layers."""

    asked: ClassVar[list[str]] = []

    def history(self, name: str, layers: int) -> list[str]:
        self.asked.append(name)
        return EngineImages.history(self, name, layers)


def tar(path: str, content: bytes = b"mine") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(path)
        member.size, member.mode = len(content), 0o755
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def packages(running: Running) -> list[str]:
    return [package.name.short for package in running.record.packages] if running.record else []


def test_a_container_is_what_its_image_comes_to_which_is_worked_out_once(machine: Machine) -> None:
    names, engine_images = [machine.start(), machine.start(binds=["/srv:/data"])], CountingCache(machine.client)
    for found in machine.look(*names, engine_images=engine_images):
        assert (packages(found), found.unattributed) == (["waits"], ())
        assert found.words == f"container {found.name} of {machine.image}"
        assert found.command("waits") == f"farm image update {machine.image} waits"
    assert len(engine_images.asked) == 1


def test_labels_of_a_container_are_not_what_its_image_says(machine: Machine) -> None:
    name = machine.start(labels={"farm.record": '{"format":1}'})
    (found,) = machine.look(name)
    assert packages(found) == ["waits"]
    assert found.unattributed == ("farm.record: the label of the container differs from that of its image",)


def test_an_image_that_another_tool_changed_is_told_and_so_is_one_of_no_packages(machine: Machine) -> None:
    before = machine.start()
    machine.client.put_archive(before, "/usr/bin", tar("more"))
    changed, bare = (f"farm-test/{secrets.token_hex(6)}" for _ in range(2))
    machine.client.commit(before, changed, "1")
    machine.client.import_image_from_data(tar("x", waiting_program()), bare, "1", ['ENTRYPOINT ["/x"]'])
    machine.images += [f"{changed}:1", f"{bare}:1"]
    labels = machine.client.inspect_container(before)["Config"]["Labels"]
    derived, pretended = machine.look(machine.start(f"{changed}:1"), machine.start(f"{bare}:1", labels=labels))
    assert packages(derived) == ["waits"]
    assert [reason.partition(" ")[0] for reason in derived.unattributed] == ["added"]
    (why,) = pretended.unattributed
    assert (packages(pretended), why.partition(" ")[2]) == ([], "does not record which packages it contains")
    for container in (derived, pretended):
        assert not Auditor(machine.host).audit_of_many(running_subject(container)).is_whole


def test_what_hides_packages_is_told(machine: Machine, tmp_path: Path) -> None:
    name = machine.start(binds=[f"{tmp_path}:/usr/share", f"{tmp_path}:/data"])
    machine.client.put_archive(name, "/usr/bin", tar("waits"))
    machine.client.put_archive(name, "/var", tar("mine"))
    (found,) = machine.look(name)
    assert found.unattributed == (
        f"/usr/share: {tmp_path} is mounted over what packages have there",
        "/usr/bin/waits: changed in the container, differs from the image",
    )


def late_bound(machine: Machine, packages: Mapping[str, Path], folder: Path, *, writable: bool = False) -> str:
    """Start what `farm run` starts, in the background, with these directories as packages."""
    verified = machine.host.catalogue().verified(["waits"])
    composition = composition_of(verified)
    image = EmptyImage.of(Platform("linux", "amd64")).ensure(machine.client)
    links = links_directory(machine.host.state, composition)
    options = RunOptions(command=("waits",), interactive=False)
    record = install(machine.host, folder / "root", "waits").set
    append_run(str(machine.host.state), "now", run_form(record, links), "waits", "docker")
    line = docker_command(image, composition, packages, links, options)
    name = f"farm-test-{secrets.token_hex(6)}"
    if writable:
        line = [word.replace(",readonly,", ",") for word in line]
    subprocess.run([*line[:2], "--detach", "--name", name, *line[2:]], check=True, capture_output=True)
    machine.containers.append(name)
    return name


def test_a_late_bound_container_is_what_is_mounted_from_this_hosts_cache(machine: Machine, tmp_path: Path) -> None:
    unpacked = machine.host.unpack(machine.host.catalogue().verified(["waits"]), lambda _blob: None)
    ((store, place),) = unpacked.items()
    shutil.copytree(place, tmp_path / store)
    names = [late_bound(machine, places, tmp_path) for places in (unpacked, {store: tmp_path / store})]
    whole, copied, open_to_writing = machine.look(*names, late_bound(machine, unpacked, tmp_path, writable=True))
    assert (packages(whole), whole.unattributed, whole.command("waits")) == (["waits"], (), f"docker stop {names[0]}")
    assert packages(copied) == ["waits"]
    assert copied.unattributed == (
        f"/packages/{store}: it is {tmp_path / store}, and not that package in the cache of this host, {place.parent}",
    )
    assert [reason.partition(":")[0] for reason in open_to_writing.unattributed] == [
        "/etc",
        f"/packages/{store}",
        "/usr",
    ]
    audits = [Auditor(machine.host).audit(running_subject(container)) for container in (whole, copied)]
    assert [audit.is_whole for audit in audits] == [True, False]


def test_a_set_that_nobody_recorded_is_not_known(machine: Machine, tmp_path: Path) -> None:
    unpacked = machine.host.unpack(machine.host.catalogue().verified(["waits"]), lambda _blob: None)
    name = late_bound(machine, unpacked, tmp_path)
    (machine.host.state / "runs.jsonl").unlink()
    (found,) = machine.look(name)
    audit = Auditor(machine.host).audit(running_subject(found))
    assert (audit.is_blind, audit.not_covered) == (True, tuple(unpacked))


def test_an_image_of_a_channel_that_is_not_followed_stops_no_other(machine: Machine, tmp_path: Path) -> None:
    stranger = Machine(Host(tmp_path / "state", tmp_path / "shared"), machine.distribution, machine.client, "")
    (found,) = stranger.look(machine.start())
    audit = Auditor(stranger.host).audit_of_many(running_subject(found))
    assert [package.name.short for package in audit.held] == ["waits"]
    assert audit.unattributed[-1] == "advisories about its packages cannot be had: this host follows no channel"
    assert not audit.is_whole


def test_the_command_never_gives_an_all_clear_for_it(machine: Machine) -> None:
    name = machine.start(binds=["/srv:/usr/share"])
    places = {"FARM_STATE": str(machine.host.state), "FARM_HOST": str(machine.host.shared)}
    command = [str(Path(sys.executable).with_name("farm")), "audit", "--running"]
    ended = subprocess.run(command, env={**os.environ, **places}, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    assert f"container {name} of {machine.image}: 1 package, not reviewed for vulnerabilities\n" in ended.stdout
    assert (
        "The container does not match its own description, so its content is not fully known:\n"
        "  /usr/share: /srv is mounted over what packages have there" in ended.stdout
    )
