from __future__ import annotations

import pytest

from farm.core.names.declared import Plugin
from farm.core.package.capabilities import Capabilities, derive_capabilities
from farm.core.package.elf.facts import ElfFacts
from farm.core.package.facts import ElfFile, PackageFacts, PkgConfigModule, Script
from farm.core.package.shebang import interpreter_capability
from tests.core.package.trees import Tree, tree

LOADER = "/lib64/ld-linux-x86-64.so.2"


def elf(**files: ElfFacts) -> PackageFacts:
    return PackageFacts(elf=tuple(ElfFile(path, facts) for path, facts in files.items()))


def library(soname: str, *needed: str) -> ElfFacts:
    return ElfFacts(soname=soname, needed=needed)


LIBZ = tree({"lib/libz.so": "libz.so.1", "lib/libz.so.1": "libz.so.1.3", "lib/libz.so.1.3": b""})
LIBZ_FACTS = elf(**{"lib/libz.so.1.3": library("libz.so.1", "libc.so.6")})


class TestProvides:
    def test_a_library_is_provided_by_the_name_that_a_loader_opens(self) -> None:
        assert derive_capabilities(LIBZ.manifest, LIBZ_FACTS).provides == ("soname:libz.so.1",)

    def test_a_library_without_its_link_is_not_provided(self) -> None:
        without_link = tree({"lib/libz.so.1.3": b""})
        assert derive_capabilities(without_link.manifest, LIBZ_FACTS).provides == ()

    @pytest.mark.parametrize("path", ["lib/x/libz.so.1", "share/libz.so.1", "bin/libz.so.1"])
    def test_a_library_elsewhere_is_not_provided(self, path: str) -> None:
        assert derive_capabilities(tree({path: b""}).manifest, elf(**{path: library("libz.so.1")})).provides == ()

    def test_a_plugin_is_not_provided(self) -> None:
        plugin = Plugin("lib/libz.so*", "bash")
        assert derive_capabilities(LIBZ.manifest, LIBZ_FACTS, plugins=(plugin,)).provides == ()

    def test_a_library_without_soname_goes_by_the_name_of_its_file(self) -> None:
        package = tree({"lib/libold.so": b"", "lib/tool": b""})
        facts = elf(**{"lib/libold.so": library(""), "lib/tool": library("")})
        assert derive_capabilities(package.manifest, facts).provides == ("soname:libold.so",)

    def test_programs_are_commands_and_interpreters(self) -> None:
        package = tree({"bin/bash": b"", "bin/sh": "bash", "sbin/x": b""}, programs=("bin/bash", "sbin/x"))
        facts = PackageFacts(commands=("bash", "sh", "x"), pkg_config=(PkgConfigModule("bash", "5"),))
        assert derive_capabilities(package.manifest, facts).provides == (
            "command:bash",
            "command:sh",
            "command:x",
            "interpreter:/usr/bin/bash",
            "interpreter:/usr/bin/sh",
            "interpreter:/usr/sbin/x",
            "pkgconfig:bash",
        )

    def test_a_declared_link_gives_a_program_another_path(self) -> None:
        package = tree(
            {"lib/ld-linux-x86-64.so.2": b"", "bin/bash": b""}, programs=("lib/ld-linux-x86-64.so.2", "bin/bash")
        )
        links = (("usr/lib64/ld-linux-x86-64.so.2", "lib/ld-linux-x86-64.so.2"), ("usr/bin/sh", "bin/bash"))
        provides = derive_capabilities(package.manifest, PackageFacts(), links=links).provides
        assert f"interpreter:{LOADER}" in provides
        assert {"interpreter:/usr/bin/sh", "command:sh"} <= set(provides)

    @pytest.mark.parametrize("path", ["bin/gone", "lib/loop", "lib/libz.so.1"])
    def test_a_declared_link_to_nothing_that_runs_makes_no_command(self, path: str) -> None:
        links = (("usr/bin/sh", path),)
        package = tree({"lib/loop": "loop", "lib/libz.so.1": b""})
        assert derive_capabilities(package.manifest, PackageFacts(), links=links).provides == ()


class TestRequires:
    def test_needed_libraries_interpreters_and_declared_packages(self) -> None:
        package = tree({"bin/jq": b"", "bin/x": b""}, programs=("bin/jq", "bin/x"))
        facts = PackageFacts(
            elf=(ElfFile("bin/jq", ElfFacts(needed=("libonig.so.5", "libc.so.6"), interpreter=LOADER)),),
            commands=("jq", "x"),
            scripts=(Script("bin/x", "interpreter:/usr/bin/sh"), Script("bin/y", "command:perl")),
        )
        assert derive_capabilities(package.manifest, facts, requires=("ca-certificates", "command:ls")).requires == (
            "command:ls",
            "command:perl",
            f"interpreter:{LOADER}",
            "interpreter:/usr/bin/sh",
            "package:ca-certificates",
            "soname:libc.so.6",
            "soname:libonig.so.5",
        )

    def test_a_declared_package_in_one_version_only(self) -> None:
        found = derive_capabilities(LIBZ.manifest, LIBZ_FACTS, requires=("jq=1.7.1-1", "other.example/zlib=1.3"))
        assert found.requires == ("package:jq=1.7.1-1", "package:other.example/zlib=1.3", "soname:libc.so.6")

    def test_a_packages_own_provides_satisfy_its_own_requires(self) -> None:
        package = tree(
            {"bin/bash": b"", "lib/libb.so.1": b"", "bin/bashbug": b""}, programs=("bin/bash", "bin/bashbug")
        )
        facts = PackageFacts(
            elf=(
                ElfFile("bin/bash", ElfFacts(needed=("libb.so.1", "libc.so.6"))),
                ElfFile("lib/libb.so.1", library("libb.so.1")),
            ),
            commands=("bash", "bashbug"),
            scripts=(Script("bin/bashbug", "interpreter:/usr/bin/bash"), Script("bin/other", "command:bash")),
        )
        assert derive_capabilities(package.manifest, facts).requires == ("soname:libc.so.6",)

    @pytest.mark.parametrize(("interpreter", "required"), [
        ("/usr/libexec/tool", False), ("/usr/lib/tool/run", False), ("/lib/tool/run", False),
        ("/usr/lib/tool/other", False),
        ("/usr/lib/tool/text", True), ("/usr/lib/tool", True), ("/libexec/tool", True), ("/usr/libexec/gone", True),
        ("libexec/tool", True),
    ])  # fmt: skip
    def test_an_interpreter_in_the_package_itself_is_not_required(self, interpreter: str, *, required: bool) -> None:
        files = {"libexec/tool": b"", "lib/tool/run": b"", "lib/tool/other": "run", "lib/tool/text": b"", "bin/x": b""}
        package = tree(files, programs=("libexec/tool", "lib/tool/run", "bin/x"))
        asked = interpreter_capability(interpreter)
        facts = PackageFacts(scripts=(Script("bin/x", asked),))
        assert derive_capabilities(package.manifest, facts).requires == ((asked,) if required else ())

    @pytest.mark.parametrize(
        "rpath", ["$ORIGIN/../lib/private", "${ORIGIN}/../lib/private", "/usr/lib/private", "/lib/private"]
    )
    def test_a_private_library_on_the_programs_own_search_path_is_not_required(self, rpath: str) -> None:
        package = tree({"bin/x": b"", "lib/private/libx.so": b""}, programs=("bin/x",))
        facts = elf(**{"bin/x": ElfFacts(needed=("libx.so", "libc.so.6"), rpath=(rpath,))})
        assert derive_capabilities(package.manifest, facts).requires == ("soname:libc.so.6",)

    def test_a_search_path_that_leads_elsewhere_changes_nothing(self) -> None:
        facts = elf(**{"lib/libz.so.1.3": ElfFacts(needed=("libx.so",), rpath=("$ORIGIN/../../..", "/opt"))})
        assert derive_capabilities(LIBZ.manifest, facts).requires == ("soname:libx.so",)


def test_nothing_comes_of_nothing() -> None:
    empty = Tree({"share/x": b""}).manifest
    assert derive_capabilities(empty, PackageFacts()) == Capabilities((), ())
