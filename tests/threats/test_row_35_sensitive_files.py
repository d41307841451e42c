"""Row 35: a file that changes how others load or log in is refused when it is built, reported and signed.

Or it is declared with a reason, and every subscriber sees both. Which files these are is in
tests/core/package/test_sensitive_files.py, a build's messages are in tests/build/test_capture_outputs.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from farm.api.errors import RefusedRequestError
from farm.core.names.declared import SensitiveFile
from farm.core.package.elf.file import InvalidElfError
from farm.core.package.facts import PackageFacts
from farm.core.package.sensitive_files import UndeclaredFilesError, UnusedDeclarationError
from tests.core.package.small_library import AUDIT, AUXILIARY, DEPAUDIT, RPATH, RUNPATH, small_library
from tests.farms.small import recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.farms.served import ServedFarm
    from tests.threats.simulator import Simulator

COMMAND = Path(sys.executable).with_name("farm")

ATTACKS: dict[str, tuple[str, bytes]] = {
    "a library for every program": ("etc/ld.so.preload", b"/usr/lib/evil.so\n"),
    "a directory of libraries before all others": ("etc/ld.so.conf.d/evil.conf", b"/tmp\n"),
    "a user without a password": ("etc/passwd", b"evil::0:0::/:/bin/sh\n"),
    "another place of users": ("etc/nsswitch.conf", b"passwd: evil\n"),
    "another's library for newer processors": ("lib/glibc-hwcaps/x86-64-v3/libz.so.1", b"evil"),
    "a converter": ("lib/x86_64-linux-gnu/gconv/gconv-modules.d/evil.conf", b"module evil// INTERNAL evil 1\n"),
    "code for every Python": ("lib/python3.13/site-packages/evil.pth", b"import evil\n"),
    "a name that is not what it looks like": ("share/say/gpj.\u202etxt.exe", b"evil"),
    "a library of the current directory": ("lib/libsay.so", small_library({RUNPATH: "lib"})),
    "a library of an empty entry": ("lib/libsay.so", small_library({RUNPATH: "/usr/lib:"})),
    "an auditor": ("bin/hear", small_library({AUDIT: "/usr/lib/evil.so"})),
    "an auditor of what needs it": ("lib/libsay.so", small_library({DEPAUDIT: "/usr/lib/evil.so"})),
    "a library of anybody's directory": ("lib/libsay.so", small_library({RPATH: "/usr/lib:/tmp/evil"})),
    "an auxiliary filter": ("lib/libsay.so", small_library({AUXILIARY: "/tmp/evil.so"})),
}


@pytest.mark.parametrize(("path", "content"), ATTACKS.values(), ids=ATTACKS)
def test_the_signer_signs_no_such_file_that_is_not_declared(simulator: Simulator, path: str, content: bytes) -> None:
    distribution = simulator.distribution
    distribution.package("say", {"bin/say": "\x7fsay 2", path: content}, version="2.0")
    with pytest.raises(UndeclaredFilesError) as caught:
        distribution.publish()
    assert [finding.path for finding in caught.value.findings] == [path]
    distribution.package("say", {"bin/say": "\x7fsay 2", path: content}, version="2.0", sensitive={path: "it must"})
    distribution.publish()
    subscriber = simulator.subscriber()
    subscriber.install("say")


def test_the_signer_looks_into_the_archive_and_not_at_what_the_worker_found_in_it(simulator: Simulator) -> None:
    distribution, files = simulator.distribution, {"lib/libsay.so": small_library({RUNPATH: "/tmp"})}
    distribution.package("say", {"bin/say": "\x7fsay 2", **files}, version="2.0", reported=PackageFacts())
    with pytest.raises(UndeclaredFilesError, match=r"lib/libsay.so: .*: /tmp lies outside /usr"):
        distribution.publish()
    broken = {"lib/libsay.so": small_library({RUNPATH: "/tmp"})[:200]}
    distribution.package("say", {"bin/say": "\x7fsay 2", **broken}, version="2.0", reported=PackageFacts())
    with pytest.raises(InvalidElfError, match=r"^lib/libsay\.so: "):
        distribution.publish()


def test_the_signer_signs_no_reason_for_a_file_that_is_not_there(simulator: Simulator) -> None:
    simulator.distribution.package("say", {"bin/say": "say 2"}, version="2.0", sensitive={"etc/passwd": "it must"})
    with pytest.raises(UnusedDeclarationError, match="does not have: etc/passwd"):
        simulator.distribution.publish()


DECLARING = "sensitive-files:\n  - {path: etc/ld.so.preload, reason: It traces all}\n"
PRELOAD = {"etc/ld.so.preload": b"/usr/lib/evil.so\n"}


def test_a_worker_that_reports_such_a_file_is_refused_unless_the_recipe_declares_it(farm: ServedFarm) -> None:
    with farm.client() as client:
        client.submit({"plain": recipe("plain")})
    worker = farm.worker()
    lease = worker.claim()
    # The second liar declares the file itself, the third with another reason than the recipe's.
    own = SensitiveFile("etc/ld.so.preload", "The worker says so")
    for sensitive, says in (((), "undeclared-files"), ((own,), "undeclared-files")):
        outcome = worker.outcome(lease, files=PRELOAD, sensitive=sensitive)
        worker.upload(lease, outcome)
        with pytest.raises(
            RefusedRequestError, match=r"etc/ld\.so\.preload: it controls how every program is loaded"
        ) as caught:
            worker.client.finish(lease, outcome.to_dict())
        assert (caught.value.status, caught.value.code) == (422, says)
    with farm.client() as client:
        assert client.packages().packages == ()
    honest = worker.outcome(lease)
    worker.upload(lease, honest)
    worker.client.finish(lease, honest.to_dict())


def test_what_the_recipe_declares_is_taken_with_its_own_reason_and_no_other(farm: ServedFarm) -> None:
    with farm.client() as client:
        client.submit({"tracer": recipe("tracer", more=DECLARING)})
    worker = farm.worker()
    lease = worker.claim()
    for reason in ("The worker says so", ""):
        sensitive = (SensitiveFile("etc/ld.so.preload", reason),) if reason else ()
        outcome = worker.outcome(lease, files=PRELOAD, sensitive=sensitive)
        worker.upload(lease, outcome)
        with pytest.raises(RefusedRequestError, match=r"has sensitive-files .*; what was leased has"):
            worker.client.finish(lease, outcome.to_dict())
    declared = (SensitiveFile("etc/ld.so.preload", "It traces all"),)
    outcome = worker.outcome(lease, files=PRELOAD, sensitive=declared)
    worker.upload(lease, outcome)
    worker.client.finish(lease, outcome.to_dict())
    page = httpx.get(f"{farm.url}/packages/tracer").text
    assert "<dt>It traces all</dt>" in page
    assert "<code>etc/ld.so.preload</code>" in page


class Host:
    """A subscriber at a shell."""

    def __init__(self, simulator: Simulator) -> None:
        self.home = simulator.folder / "home"
        self.home.mkdir()
        self.run("subscribe", str(simulator.public), "edge", "--fingerprint", simulator.fingerprint)

    def run(self, *arguments: str, status: int = 0) -> str:
        environment: Mapping[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "FARM_STATE": str(self.home / "state"),
            "FARM_HOST": str(self.home / "host"),
            "DOCKER_HOST": f"unix://{self.home}/no-docker.sock",
        }
        ended = subprocess.run(
            [COMMAND, *arguments], env=environment, cwd=self.home, capture_output=True, text=True, check=False
        )
        assert ended.returncode == status, ended.stderr + ended.stdout
        return ended.stderr if status else ended.stdout


NOTE = "note: say 2.0-1 has etc/ld.so.preload: it controls how every program is loaded: It traces all\n"


def test_a_subscriber_sees_what_is_new_of_them_before_it_is_there(simulator: Simulator) -> None:
    host, distribution = Host(simulator), simulator.distribution
    assert "note:" not in host.run("install", "--root", "root", "say")
    preload = {"etc/ld.so.preload": "/usr/lib/trace.so\n"}
    reasons = {"etc/ld.so.preload": "It traces all"}
    distribution.package("say", {"bin/say": "say 2", **preload}, version="2.0", sensitive=reasons)
    distribution.publish()
    assert NOTE in host.run("upgrade", "--root", "root", "--dry-run")
    assert NOTE in host.run("upgrade", "--root", "root")
    shown = "sensitive   etc/ld.so.preload: it controls how every program is loaded: It traces all\n"
    assert shown in host.run("info", "say")
    # Files shown before are not shown again; new ones are, whatever the channel claims.
    more = {**preload, "etc/passwd": "evil::0:0::/:/bin/sh\n"}
    distribution.package("say", {"bin/say": "say 3", **more}, version="3.0", sensitive=reasons)
    distribution.publish(checked=False)
    output = host.run("upgrade", "--root", "root")
    assert (
        "note: say 3.0-1 has etc/passwd: it controls who may log in, or as whom: its recipe does not say why\n"
        in output
    )
    assert "ld.so.preload" not in output
    form = json.loads(host.run("info", "say", "--json"))["sensitive-files"]
    assert [(brought["files"][0]["why"], brought["reason"]) for brought in form] == [
        ("loader", "It traces all"),
        ("login", ""),
    ]


def test_the_maker_of_an_image_sees_what_an_update_brings_and_what_is_in_it(simulator: Simulator) -> None:
    host, distribution = Host(simulator), simulator.distribution
    host.run("image", "build", "say", "--tag", "say:1", "--no-load")
    preload = {"etc/ld.so.preload": "/usr/lib/trace.so\n"}
    distribution.package(
        "say", {"bin/say": "say 2", **preload}, version="2.0", sensitive=dict.fromkeys(preload, "It traces all")
    )
    distribution.publish()
    assert "note:" not in host.run("image", "inspect", "say:1")
    assert NOTE in host.run("image", "update", "say:1", "say", "--tag", "say:2", "--no-load")
    assert NOTE in host.run("image", "inspect", "say:2")


def test_a_directory_of_ones_own_becomes_a_package_by_the_same_rule(simulator: Simulator) -> None:
    host = Host(simulator)
    (host.home / "app/etc").mkdir(parents=True)
    (host.home / "app/etc/hosts").write_text("127.0.0.1 localhost\n")
    pack = ("pack", "app", "--name", "mine.example.org/app", "--version", "1.0")
    refused = host.run(*pack, status=1)
    assert (
        "mine.example.org/app has a sensitive file that it does not declare:\n      etc/hosts: it says where" in refused
    )
    assert "--sensitive-file 'etc/hosts=REASON'" in refused
    assert "is not PATH=REASON" in host.run(*pack, "--sensitive-file", "etc/hosts=", status=2)
    form = json.loads(host.run(*pack, "--sensitive-file", "etc/hosts=Names of our own", "--json"))
    assert form["sensitive-files"] == [{"path": "etc/hosts", "reason": "Names of our own"}]
