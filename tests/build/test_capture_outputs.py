"""From an installed tree to packages, without a build: which sensitive files are captured, and which are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from farm.build.attempt.capture_outputs import capture_packages
from farm.build.local.called_siblings import called_siblings
from farm.build.packing import pack
from farm.core.names.declared import Output, SensitiveFile
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.sensitive_files import UndeclaredFilesError, UnusedDeclarationError
from farm.store.blobs import BlobStore
from farm.trust.keys.key_files import create_key
from tests.core.package.small_library import RUNPATH, small_library
from tests.core.plan.values import bare_plan

if TYPE_CHECKING:
    from pathlib import Path

    from farm.core.plan.job import BuiltPackage

PASSWD = SensitiveFile("etc/passwd", "It has the users")


class Installed:
    """A tree under DESTDIR, and the packages captured from it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "out"
        self.store = BlobStore(folder / "blobs")
        self.file("usr/bin/tool", b"#!/bin/sh\n")

    def file(self, path: str, content: bytes = b"x") -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def captured(self, *declared: SensitiveFile, **changes: object) -> dict[str, BuiltPackage]:
        plan = replace(bare_plan("tool"), sensitive_files=declared, **changes)  # type: ignore[arg-type]
        made = capture_packages(plan, self.root, self.store, output_mb=16)
        return {package.descriptor.name.short: package for package in made}


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_a_sensitive_file_is_refused_with_its_name_its_effect_and_how_to_declare_it(installed: Installed) -> None:
    installed.file("etc/passwd")
    installed.file("usr/lib/libtool.so", small_library({RUNPATH: "/tmp/lib"}))
    with pytest.raises(UndeclaredFilesError) as caught:
        installed.captured()
    assert caught.value.message == (
        "dist.example.org/tool has 2 sensitive files that it does not declare:\n"
        "  etc/passwd: it controls who may log in, or as whom\n"
        "  lib/libtool.so: it makes the dynamic linker look for libraries in a place that others may write to: "
        "/tmp/lib lies outside /usr and the package's own directory"
    )
    assert "sensitive-files: [{path: etc/passwd, reason: …}]" in caught.value.remedy
    with pytest.raises(UndeclaredFilesError, match=r"has a sensitive file.*\n  lib/libtool.so"):
        installed.captured(PASSWD)


def test_what_is_declared_is_taken_and_the_descriptor_names_each_file_with_the_reason(installed: Installed) -> None:
    installed.file("etc/pam.d/login")
    installed.file("etc/pam.d/su")
    (tool,) = installed.captured(SensitiveFile("etc/pam.d/*", "How to log in")).values()
    assert [file.to_dict() for file in tool.descriptor.sensitive_files] == [
        {"path": "etc/pam.d/login", "reason": "How to log in"},
        {"path": "etc/pam.d/su", "reason": "How to log in"},
    ]


def test_what_is_declared_and_is_not_there_is_refused(installed: Installed) -> None:
    installed.file("etc/passwd")
    with pytest.raises(UnusedDeclarationError, match="does not have: etc/shadow"):
        installed.captured(PASSWD, SensitiveFile("etc/shadow", "Passwords"))
    with pytest.raises(UnusedDeclarationError, match="does not have: bin/tool"):
        installed.captured(PASSWD, SensitiveFile("bin/tool", "No such thing"))


def test_each_package_of_a_recipe_declares_its_own_files(installed: Installed) -> None:
    installed.file("etc/passwd")
    installed.file("etc/profile.d/tool.sh")
    outputs = (Output("login", ("etc/passwd",)),)
    made = installed.captured(PASSWD, SensitiveFile("etc/profile.d", "Completion"), outputs=outputs)
    declared = {name: [file.path for file in package.descriptor.sensitive_files] for name, package in made.items()}
    assert declared == {"tool": ["etc/profile.d/tool.sh"], "tool-login": ["etc/passwd"]}


def test_a_link_that_a_recipe_declares_into_such_a_place_is_refused(installed: Installed) -> None:
    installed.file("usr/share/tool/preload")
    links = (("etc/ld.so.preload", "share/tool/preload"),)
    with pytest.raises(UndeclaredFilesError, match=r"etc/ld\.so\.preload: it controls how every program"):
        installed.captured(links=links)
    (tool,) = installed.captured(SensitiveFile("etc/ld.so.preload", "It traces all"), links=links).values()
    assert [file.path for file in tool.descriptor.sensitive_files] == ["etc/ld.so.preload"]


def test_a_directory_of_ones_own_is_packed_by_the_same_rule(tmp_path: Path) -> None:
    app = tmp_path / "app"
    (app / "etc").mkdir(parents=True)
    (app / "etc/hosts").write_text("127.0.0.1 localhost\n")
    store, signer = BlobStore(tmp_path / "blobs"), create_key(tmp_path / "key")

    def packed(*declared: SensitiveFile) -> BuiltPackage:
        name, platform = PackageName("mine.example.org", "app"), Platform("linux", "amd64")
        return pack(
            app,
            name,
            Version("1"),
            1,
            platform=platform,
            license="MIT",
            store=store,
            signer=signer,
            now="2026-11-29T10:00:00Z",
            sensitive_files=declared,
        ).package

    with pytest.raises(UndeclaredFilesError, match="etc/hosts: it says where") as caught:
        packed()
    assert "--sensitive-file 'etc/hosts=REASON'" in caught.value.remedy
    assert packed(SensitiveFile("etc/hosts", "Names")).descriptor.sensitive_files[0].reason == "Names"
    with pytest.raises(UnusedDeclarationError):
        packed(SensitiveFile("etc/hosts", "Names"), SensitiveFile("etc/passwd", "Users"))


def test_each_package_requires_what_its_own_output_declares(installed: Installed) -> None:
    installed.file("usr/bin/ztool", b"#!/bin/sh\nsed s/a/b/ | tool\n")
    (installed.root / "usr/bin/tool").chmod(0o755)
    (installed.root / "usr/bin/ztool").chmod(0o755)
    alone = Output("scripts", ("bin/ztool",))
    made = installed.captured(outputs=(alone,), requires=("base-files",))
    assert [note.partition(":")[0] for note in called_siblings([*made.values()], installed.store)] == ["tool-scripts"]
    assert "package:base-files" in made["tool"].descriptor.requires
    assert not [need for need in made["tool-scripts"].descriptor.requires if need.startswith("package:")]

    made = installed.captured(outputs=(replace(alone, requires=("sed", "tool")),), requires=("base-files",))
    assert {"package:sed", "package:tool"} <= set(made["tool-scripts"].descriptor.requires)
    assert "package:sed" not in made["tool"].descriptor.requires
    assert list(called_siblings([*made.values()], installed.store)) == []
