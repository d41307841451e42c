"""What the proof says of small sets that gcc makes, beside what the dynamic linker itself says of them.

Each case builds files into a root that has a C library and nothing else, and starts the program in it with all symbols
bound at once. What the linker takes, the proof takes; what it refuses, the proof refuses.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from farm.compat import Member, prove
from farm.fileset import Directory, File, Link, Manifest
from farm.names import Digest, PackageName, Platform, Version
from farm.package import describe, gather_facts
from tests.compat.values import the_set

pytestmark = [
    pytest.mark.toolchain,
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("gcc") is None, reason="needs gcc, and root for chroot"),
]

HOST = Path("/usr/lib/x86_64-linux-gnu")
USES = "int main(void) { extern int act(void); return act(); }"
ACTS = "int act(void) { return 0; }"
V1 = "V1 { act; };"
V1_V2 = "V1 { old; }; V2 { act; } V1;"


@dataclass
class Box:
    """A root with one package of everything that a case builds, beside a C library."""

    root: Path
    files: list[str] = field(default_factory=list)

    def gcc(self, path: str, source: str, *flags: str, script: str = "") -> str:
        place = self.root / "usr" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shared = [] if path.startswith("bin/") else ["-shared", "-fPIC", f"-Wl,-soname,{place.name}"]
        if script:
            (self.root / "map").write_text(script)
            shared.append(f"-Wl,--version-script={self.root}/map")
        command = ["gcc", "-xc", "-", "-xnone", *shared, "-o", str(place), f"-L{self.root}/usr/lib", *flags]
        subprocess.run(command, input=source, text=True, check=True, capture_output=True)
        self.files.append(path)
        return str(place)

    def program(self, *flags: str, source: str = USES) -> None:
        self.gcc("bin/program", source, "-Wl,--no-as-needed", *flags)

    def starts(self) -> bool:
        command = ["/usr/sbin/chroot", self.root, "/usr/bin/program"]
        done = subprocess.run(command, env={"LD_BIND_NOW": "1"}, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "error" in done.stderr or "not found" in done.stderr, done
        return done.returncode == 0

    def proof(self):
        return prove(the_set(self.member("glibc", C_LIBRARY), self.member("case", self.files)))

    def member(self, name: str, files) -> Member:
        entries = {}
        for path in files:
            place = self.root / "usr" / path
            for parent in Path(path).parents:
                if str(parent) != ".":
                    entries[str(parent)] = Directory(str(parent))
            if place.is_symlink():
                entries[path] = Link(path, str(place.readlink()))
            else:
                content = place.read_bytes()
                entries[path] = File(path, len(content), Digest.of(content), executable=True)
        manifest = Manifest.of(entries.values())
        facts = gather_facts(manifest, lambda path: (self.root / "usr" / path).read_bytes())
        nothing = Digest.of(b"")
        descriptor = describe(
            name=PackageName("x.example.org", name), version=Version("1"), revision=1,
            platform=Platform("linux", "amd64"), manifest=manifest, diff_id=nothing, facts=facts, plan=nothing,
            licence="MIT", links=[("lib64/ld-linux-x86-64.so.2", LOADER)] if LOADER in files else [],
        )  # fmt: skip
        return Member.of(descriptor, facts, manifest)


LOADER = "lib/ld-linux-x86-64.so.2"
C_LIBRARY = ["lib/libc.so.6", LOADER]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    (tmp_path / "usr/lib").mkdir(parents=True)
    for path in C_LIBRARY:
        shutil.copy(HOST / Path(path).name, tmp_path / "usr" / path)
    (tmp_path / "lib64").symlink_to("usr/lib")
    (tmp_path / "lib").symlink_to("usr/lib")
    return Box(tmp_path)


def linked_with(before: str, after: str, before_script: str = "", after_script: str = "", **program):
    """A program that was linked with one library and finds another in its place."""

    def build(box: Box) -> None:
        library = box.gcc("lib/libact.so", before, script=before_script)
        box.program(library, **program)
        box.files.remove("lib/libact.so")
        box.gcc("lib/libact.so", after, script=after_script)

    return build


COPIES = {"source": "extern int kept; int main(void) { return kept; }"}
HIDDEN = 'int own(void) {{ return 0; }} __asm__(".symver own, act@V{}");'
OLD = "int old(void) { return 0; }"


def privately(*flags: str, needed: str = "a"):
    """A private library that needs another private one and does not say where that is."""

    def build(box: Box) -> None:
        second = box.gcc("lib/private/libb.so", ACTS)
        first = box.gcc("lib/private/liba.so", "extern int act(void); int pass(void) { return act(); }", second)
        both = {"a": [first], "ab": [first, second]}[needed]
        box.program(
            *both, f"-Wl,-rpath-link,{box.root}/usr/lib/private", *flags,
            source="int main(void) { extern int pass(void); return pass(); }",
        )  # fmt: skip

    return build


def absolutely(box: Box) -> None:
    library = box.gcc("lib/private/libact.so", ACTS, "-Wl,-soname,/usr/lib/private/libact.so")
    box.program(library)


def nowhere(box: Box) -> None:
    absolutely(box)
    box.files.remove("lib/private/libact.so")
    (box.root / "usr/lib/private/libact.so").unlink()


def filtering(*, present: bool):
    def build(box: Box) -> None:
        box.gcc("lib/libreal.so", ACTS)
        box.program(box.gcc("lib/libact.so", ACTS, "-Wl,-F,libreal.so"))
        if not present:
            box.files.remove("lib/libreal.so")
            (box.root / "usr/lib/libreal.so").unlink()

    return build


def variant(source: str):
    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS))
        box.gcc("lib/glibc-hwcaps/x86-64-v2/libact.so", source)

    return build


def through_a_link(box: Box) -> None:
    library = box.gcc("lib/private/libact.so.1.2", ACTS, "-Wl,-soname,libact.so.1")
    (box.root / "usr/lib/private/libact.so.1").symlink_to("libact.so.1.2")
    box.files.append("lib/private/libact.so.1")
    box.program(library, "-Wl,-rpath,/usr/lib/private")


def without_its_link(box: Box) -> None:
    through_a_link(box)
    box.files.remove("lib/private/libact.so.1")
    (box.root / "usr/lib/private/libact.so.1").unlink()


def only_by_path(*flags: str):
    """A program that wants nothing from the loader's own directories."""

    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS), "-Wl,-z,nodefaultlib", *flags)

    return build


def by_multiarch(directory: str):
    """A program that looks in `/usr/$LIB/private`, and a library in a directory."""

    def build(box: Box) -> None:
        box.program(box.gcc(f"{directory}/libact.so", ACTS), "-Wl,-rpath,/usr/$LIB/private")

    return build


RPATH = ("-Wl,--disable-new-dtags", "-Wl,-rpath,/usr/lib/private")
RUNPATH = ("-Wl,--enable-new-dtags", "-Wl,-rpath,/usr/lib/private")

CASES = {
    "all is there": (True, linked_with(ACTS, ACTS)),
    "a function is gone": (False, linked_with(ACTS, OLD)),
    "a function became hidden": (False, linked_with(ACTS, f'__attribute__((visibility("hidden"))) {ACTS}')),
    "a copied variable is there": (True, linked_with("int kept;", "int kept;", **COPIES)),
    "a copied variable is gone": (False, linked_with("int kept;", "int other;", **COPIES)),
    "a copied variable with a version is gone": (
        False,
        linked_with("int kept;", "int other;", "V1 { kept; };", "V1 { other; };", **COPIES),
    ),
    "a thread-local variable at the very start": (
        True,
        linked_with(
            "__thread int kept;", "__thread int kept;", source="extern __thread int kept; int main(void){return kept;}"
        ),
    ),
    "the version is there": (True, linked_with(ACTS, ACTS, V1, V1)),
    "all versions were lost": (True, linked_with(ACTS, ACTS, V1)),
    "the version is gone": (False, linked_with(ACTS + OLD, ACTS, V1_V2, V1)),
    "the version is there, and the symbol has none": (True, linked_with(ACTS, ACTS + OLD, V1, "V1 { old; };")),
    "the version is there, and the symbol is gone": (False, linked_with(ACTS, OLD, V1, "V1 { old; };")),
    "the symbol has none, and another version of it is hidden": (
        True,
        linked_with(
            ACTS + OLD, ACTS + OLD + HIDDEN.format(1), V1_V2, "V1 { first; }; V2 { old; } V1;"
        ),
    ),
    "the symbol has none but hidden ones": (
        False,
        linked_with(ACTS + OLD, OLD + HIDDEN.format(1), V1_V2, "V1 { first; }; V2 { old; } V1;"),
    ),
    "the symbol has another version": (False, linked_with(ACTS, ACTS + OLD, V1, V1_V2)),
    "versions were added": (True, linked_with(ACTS, ACTS, "", V1)),
    "versions were added, and it is a later one": (True, linked_with(ACTS, ACTS + OLD, "", V1_V2)),
    "it is hidden in the first version": (True, linked_with(ACTS, HIDDEN.format(1), "", "V1 { *; };")),
    "it is hidden in a later version": (
        False,
        linked_with(ACTS, OLD + HIDDEN.format(2), "", "V1 { old; }; V2 { } V1;"),
    ),
    "an inherited path": (True, privately(*RPATH)),
    "a path that is not inherited": (False, privately(*RUNPATH)),
    "a path that need not be inherited": (True, privately(*RUNPATH, needed="ab")),
    "no path at all": (False, privately()),
    "only by a path, and there is none": (False, only_by_path()),
    "only by a path, and there is one": (True, only_by_path("-Wl,-rpath,/usr/lib")),
    "a path for the machine": (True, by_multiarch("lib/x86_64-linux-gnu/private")),
    "a path for the machine, and it is elsewhere": (False, by_multiarch("lib/private")),
    "a library by its path": (True, absolutely),
    "a library by a path where it is not": (False, nowhere),
    "a library by a link": (True, through_a_link),
    "a library without its link": (False, without_its_link),
    "a filter and what it stands for": (True, filtering(present=True)),
    "a filter without what it stands for": (False, filtering(present=False)),
    "a variant that has all": (True, variant(ACTS)),
    "a variant that lacks a function": (False, variant(OLD)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_proof_says_what_the_dynamic_linker_says(box: Box, case: str) -> None:
    expected, build = CASES[case]
    build(box)
    assert box.starts() is expected
    proof = box.proof()
    assert proof.holds is expected, [problem.message for problem in proof.problems]


@pytest.mark.parametrize(("path", "expected"), [(RPATH, True), (RUNPATH, False)], ids=["inherited", "not inherited"])
def test_a_path_leads_to_the_private_library_of_another_package(box: Box, path, *, expected: bool) -> None:
    second = box.gcc("lib/private/libb.so", ACTS)
    first = box.gcc("lib/liba.so", "extern int act(void); int pass(void) { return act(); }", second)
    source = "int main(void) { extern int pass(void); return pass(); }"
    box.program(first, f"-Wl,-rpath-link,{box.root}/usr/lib/private", *path, source=source)
    files = {"glibc": C_LIBRARY, "keeper": ["lib/private/libb.so"], "middle": ["lib/liba.so"], "case": ["bin/program"]}
    proof = prove(the_set(*(box.member(name, paths) for name, paths in files.items())))
    assert (box.starts(), proof.holds) == (expected, expected), [problem.message for problem in proof.problems]


def test_lost_versions_are_told_as_the_linker_does(box: Box) -> None:
    linked_with(ACTS, ACTS, V1)(box)
    assert [note.code for note in box.proof().notes] == ["lost-versions"]


# What the dynamic linker starts all the same, or warns of at most, and what the proof refuses nevertheless.
WRITTEN = {
    "size-mismatch": linked_with("int kept;", "int kept[2];", **COPIES),
    "protected-copy": linked_with("int kept;", '__attribute__((visibility("protected"))) int kept;', **COPIES),
    "class-mismatch": linked_with(ACTS, "int act[40];"),
}


@pytest.mark.parametrize("code", WRITTEN)
def test_what_the_linker_does_not_judge_is_refused_by_name(box: Box, code: str) -> None:
    WRITTEN[code](box)
    # A program that calls a variable would start, and end at once.
    assert code == "class-mismatch" or box.starts()
    (problem,) = box.proof().problems
    assert problem.code == code
    assert problem.packages == ("case",)
    assert {"bin/program", "libact.so"} <= set(problem.message.replace(",", "").split())
