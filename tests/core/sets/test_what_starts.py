"""The proof of programs and scripts, compared with whether the kernel and the dynamic linker start them at all."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from farm.core.sets.proof.prover import Prover
from tests.core.sets.test_against_the_linker import ACTS, Box, box, pytestmark
from tests.core.sets.values import elf, member, prove_change

__all__ = ["box", "pytestmark"]


NOTHING = "int main(void) { return 0; }"


def starts(box: Box, monkeypatch) -> bool:
    """Return whether everything in `bin` runs and reports success, however it fails otherwise."""

    def ran(there: Path, program: str) -> bool:
        command = ["/usr/sbin/chroot", there, program]
        return subprocess.run(command, env={"LD_BIND_NOW": "1"}, capture_output=True, check=False).returncode == 0

    monkeypatch.setattr(Box, "_starts", staticmethod(ran))
    return box.starts()


def codes(box: Box) -> list[str]:
    return [problem.code for problem in box.proof().problems]


def script(box: Box, line: str) -> None:
    box.text("bin/script", f"#!{line}\n")
    box.place("bin/script").chmod(0o755)


@pytest.mark.parametrize(("path", "line", "fits"), [
    ("libexec/tool", "/usr/libexec/tool", True), ("lib/tool/run", "/usr/lib/tool/run -x", True),
    ("lib/tool/run", "/lib/tool/run", True), ("lib/tool/run", "/usr/lib/tool/gone", False),
    ("libexec/tool", "/libexec/tool", False), ("lib/tool/run", "lib/tool/gone", False),
])  # fmt: skip
def test_a_script_is_run_by_what_its_own_package_has(path, line, *, fits, box, monkeypatch):
    box.gcc("bin/tool", NOTHING)
    box.move("bin/tool", path)
    script(box, line)
    assert starts(box, monkeypatch) is fits
    assert codes(box) == ([] if fits else ["missing-interpreter"])


def patched(box: Box, path: str, *changes: tuple[int, int]) -> None:
    content = bytearray(box.place(path).read_bytes())
    for place, value in changes:
        content[place] = value
    box.place(path).write_bytes(content)


EI_VERSION, EI_OSABI, EI_ABIVERSION, PADDING, E_VERSION = 6, 7, 8, 9, 20
GNU, FREEBSD = 3, 9
HEADERS = {
    "gnu": ([(EI_OSABI, GNU)], ""),
    "gnu-3": ([(EI_OSABI, GNU), (EI_ABIVERSION, 3)], ""),
    "gnu-4": ([(EI_OSABI, GNU), (EI_ABIVERSION, 4)], "another version of the ABI (EI_ABIVERSION)"),
    "freebsd": ([(EI_OSABI, FREEBSD)], "another operating system (EI_OSABI)"),
    "abi-version": ([(EI_ABIVERSION, 1)], "another version of the ABI (EI_ABIVERSION)"),
    "padding": ([(PADDING + 6, 1)], "what it does not know (e_ident)"),
    "elf-version": ([(EI_VERSION, 2)], "another version of ELF (EI_VERSION, e_version)"),
    "e-version": ([(E_VERSION, 2)], "another version of ELF (EI_VERSION, e_version)"),
}


@pytest.mark.parametrize("changes", HEADERS)
def test_the_header_of_a_library_is_one_that_the_linker_takes(changes, box, monkeypatch):
    places, said = HEADERS[changes]
    box.program(box.gcc("lib/libact.so", ACTS))
    patched(box, "lib/libact.so", *places)
    assert starts(box, monkeypatch) is (not said)
    assert [problem.message for problem in box.proof().problems] == (
        [
            (
                "case 1-1: bin/program needs libact.so, and finds lib/libact.so of case 1-1, which the dynamic linker "
                f"refuses, because its header is for {said}"
            )
        ]
        if said
        else []
    )


def test_a_refused_library_is_not_passed_over_for_a_good_one(box, monkeypatch):
    box.program(box.gcc("lib/libact.so", ACTS), "-Wl,-rpath,/usr/lib/private")
    box.gcc("lib/private/libact.so", ACTS)
    assert starts(box, monkeypatch)
    patched(box, "lib/private/libact.so", (EI_OSABI, FREEBSD))
    assert not starts(box, monkeypatch)
    assert codes(box) == ["refused-library"]


def test_the_kernel_does_not_mind_the_header_of_a_program_nor_the_linker_that_of_what_is_not_needed(box, monkeypatch):
    box.program(box.gcc("lib/libact.so", ACTS))
    box.gcc("lib/libother.so", ACTS)
    for path in ("bin/program", "lib/libother.so"):
        patched(box, path, (EI_OSABI, FREEBSD), (PADDING, 1))
    assert starts(box, monkeypatch)
    assert codes(box) == []


def needing(box: Box, path: str, bits: int) -> None:
    """Write into a file, which must have room for that, which processor levels it needs."""
    content = box.place(path).read_bytes()
    place = content.index((0xC0008002).to_bytes(4, "little")) + 8
    patched(box, path, *((place + index, byte) for index, byte in enumerate(bits.to_bytes(4, "little"))))


BASELINE, V2, V3, V4, BEYOND = 1, 2, 4, 8, 0x1000
ROOM = "-Wl,-z,x86-64-v2"


@pytest.mark.parametrize("path", ["bin/program", "lib/libact.so"])
@pytest.mark.parametrize(("bits", "fits"), [(BASELINE, True), (BASELINE | BEYOND, False)])
def test_no_file_needs_a_processor_that_there_is_not(path, bits, *, fits, box, monkeypatch):
    box.program(box.gcc("lib/libact.so", ACTS, ROOM), ROOM)
    for file in box.files:
        needing(box, file, bits if file == path else BASELINE)
    assert starts(box, monkeypatch) is fits
    assert codes(box) == ([] if fits else ["newer-processor"])


@pytest.mark.parametrize(("path", "bits", "fits"), [
    ("lib/libact.so", V2, False), ("lib/libact.so", BASELINE | V4, False), ("bin/program", V3, False),
    ("lib/glibc-hwcaps/x86-64-v3/libact.so", V3, True), ("lib/glibc-hwcaps/x86-64-v3/libact.so", V4, False),
    ("lib/glibc-hwcaps/x86-64-v3/libact.so", V2, True), ("lib/tool/plugin.so", V4, True),
    ("lib/private/libown.so", V2, False),
])  # fmt: skip
def test_the_path_says_which_processors_a_file_is_for(path, bits, *, fits, box):
    own = box.gcc("lib/private/libown.so", "int own(void) { return 0; }", ROOM)
    box.program(box.gcc("lib/libact.so", ACTS, ROOM), own, ROOM, "-Wl,-rpath,/usr/lib/private")
    for other in ("lib/glibc-hwcaps/x86-64-v3/libact.so", "lib/tool/plugin.so"):
        box.gcc(other, ACTS, ROOM)
    for file in box.files:
        needing(box, file, BASELINE)
    assert codes(box) == []
    needing(box, path, bits)
    assert codes(box) == ([] if fits else ["newer-processor"])


@pytest.mark.parametrize(("loader", "place", "fits"), [
    ("/usr/bin/tool", "bin/tool", False), ("/usr/lib/tool/run", "lib/tool/run", False),
    ("/usr/sbin/ld.so", "", True), ("/lib64/ld-linux-x86-64.so.2", "", True),
])  # fmt: skip
@pytest.mark.parametrize("packages", [1, 2])
def test_what_loads_an_executable_is_a_loader(loader, place, packages, *, fits, box, monkeypatch):
    box.gcc("bin/program", NOTHING, f"-Wl,--dynamic-linker={loader}")
    box.gcc("bin/tool", NOTHING)
    if place:
        box.move("bin/tool", place)
    if loader == "/usr/sbin/ld.so":
        box.link("sbin/ld.so", "../lib/tool/ld.so.2")
        shutil.copy(box.place("lib/ld-linux-x86-64.so.2"), box.place("lib/tool/ld.so.2"))
        box.add("lib/tool/ld.so.2")
    if packages == 2 and place != "lib/tool/run":
        others = [path for path in box.files if path != "bin/program"]
        box.packages = {"case": ["bin/program"], "tools": others}
    assert starts(box, monkeypatch) is fits
    assert codes(box) == ([] if fits else ["no-loader"])


def test_a_change_of_what_others_need_is_seen():
    program = member("p", {"bin/p": elf(needs=["liba.so"], kind="pie")})
    good = member("a", {"lib/liba.so": elf(soname="liba.so")})
    refused = member("a", {"lib/liba.so": elf(soname="liba.so", refused=("os-abi",))})
    prover = Prover([program, good])
    assert prover.proof.holds
    assert [problem.code for problem in prove_change(prover, add=[refused]).problems] == ["refused-library"]
    assert prove_change(prover, add=[good]).holds


def test_a_change_of_what_loads_an_executable_is_seen():
    program = member("p", {"bin/p": replace(elf(kind="pie"), interpreter="/usr/bin/tool")})
    loader, tool = (member("tool", {"bin/tool": elf(kind=kind)}) for kind in ("library", "pie"))
    prover = Prover([program, loader])
    assert prover.proof.holds
    (problem,) = prove_change(prover, add=[tool]).problems
    assert problem.message == (
        "p 1.0-1: bin/p is to be loaded by /usr/bin/tool of tool 1.0-1, which is a program, not a loader"
    )
    script = member("tool", {"bin/tool": ""}, scripts=[("bin/tool", "interpreter:/usr/bin/tool")])
    assert [found.code for found in prove_change(prover, add=[script]).problems] == ["no-loader"]
    assert prove_change(prover, add=[member("tool", {"bin/tool": elf(kind="pie", old=True)})]).holds
