"""The proof of small sets that gcc makes, compared with the dynamic linker itself.

Each case builds files into a package, composes that with a C library as `farm run` does, and starts its programs with
all symbols bound at once. What the linker accepts, the proof accepts; what it refuses, the proof refuses.
"""

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from farm.container.environment import render_links
from farm.core.fileset.manifest import Directory, File, Link, Manifest
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.core.package.describe import describe
from farm.core.package.gather import gather_facts
from farm.core.sets.composition.compose import compose
from farm.core.sets.members.member import Member
from farm.core.sets.proof.prover import prove
from tests.core.sets.values import the_set

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
    """One package with everything that a case builds, or several, next to a C library."""

    root: Path
    files: list[str] = field(default_factory=list)
    packages: dict[str, list[str]] = field(default_factory=dict)

    def gcc(self, path: str, source: str, *flags: str, script: str = "") -> str:
        """Build a library, or a program if its path is in `bin`."""
        place = self.place(path)
        shared = [] if path.startswith("bin/") else ["-shared", "-fPIC", f"-Wl,-soname,{place.name}"]
        if script:
            (self.root / "map").write_text(script)
            shared.append(f"-Wl,--version-script={self.root}/map")
        command = ["gcc", "-xc", "-", "-xnone", *shared, "-o", str(place), f"-L{self.root}/usr/lib", *flags]
        subprocess.run(command, input=source, text=True, check=True, capture_output=True)
        self.add(path)
        return str(place)

    def program(self, *flags: str, source: str = USES, path: str = "bin/program") -> None:
        self.gcc(path, source, "-Wl,--no-as-needed", *flags)

    def place(self, path: str) -> Path:
        place = self.root / "usr" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def add(self, path: str) -> None:
        if path not in self.files:
            self.files.append(path)

    def link(self, path: str, target: str) -> None:
        self.place(path).symlink_to(target)
        self.add(path)

    def text(self, path: str, content: str) -> None:
        self.place(path).write_text(content)
        self.add(path)

    def directory(self, path: str) -> None:
        self.place(path).mkdir()
        self.add(path)

    def move(self, path: str, to: str) -> None:
        self.place(path).rename(self.place(to))
        self.files.remove(path)
        self.add(to)

    def remove(self, path: str) -> None:
        self.files.remove(path)
        self.place(path).unlink()

    def starts(self) -> bool:
        """Return whether the linker starts every program of the set, composed."""
        members = self.members()
        there = self.root / "composed"
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir()
        render_links(there, compose((member.descriptor, manifest) for member, manifest in members).forest)
        for top in ("bin", "lib", "lib64"):
            (there / top).symlink_to(f"usr/{top}")
        for member, manifest in members:
            for entry in manifest.entries:
                place = there / "packages" / member.descriptor.store_path / entry.path
                if isinstance(entry, Directory):
                    place.mkdir(parents=True, exist_ok=True)
                elif isinstance(entry, Link):
                    place.symlink_to(entry.target)
                else:
                    shutil.copy(self.place(entry.path), place)
        programs = [f"/usr/{path}" for path in self.all_files() if path.startswith("bin/")]
        return all(self._starts(there, program) for program in programs)

    @staticmethod
    def _starts(there: Path, program: str) -> bool:
        """Return whether it runs without an error; /proc is mounted, from which the linker learns a program's path."""
        (there / "proc").mkdir(exist_ok=True)
        enter = 'mount -t proc proc "$1/proc" && LD_BIND_NOW=1 exec /usr/sbin/chroot "$1" "$2"'
        command = ["unshare", "--mount", "sh", "-c", enter, "sh", there, program]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        reported = any(word in done.stdout + done.stderr for word in ("error", "not found", "ld.so"))
        assert done.returncode in (0, -signal.SIGSEGV) or reported, done
        return done.returncode == 0

    def proof(self):
        return prove(the_set(*(member for member, _ in self.members())))

    def all_files(self) -> list[str]:
        return [path for files in self.packages.values() for path in files] if self.packages else self.files

    def members(self):
        packages = self.packages or {"case": self.files}
        return [self.member(name, files) for name, files in {"glibc": C_LIBRARY, **packages}.items()]

    def member(self, name: str, files) -> tuple[Member, Manifest]:
        entries = {}
        for path in files:
            place = self.place(path)
            for parent in Path(path).parents:
                if str(parent) != ".":
                    entries[str(parent)] = Directory(str(parent))
            if place.is_symlink():
                entries[path] = Link(path, str(place.readlink()))
            elif place.is_dir():
                entries[path] = Directory(path)
            else:
                content = place.read_bytes()
                entries[path] = File(path, len(content), Digest.of(content), executable=True)
        manifest = Manifest.of(entries.values())
        facts = gather_facts(manifest, lambda path: self.place(path).read_bytes())
        nothing = Digest.of(b"")
        descriptor = describe(
            name=PackageName("x.example.org", name), version=Version("1"), revision=1,
            platform=Platform("linux", "amd64"), manifest=manifest, diff_id=nothing, facts=facts, plan=nothing,
            license="MIT", links=[("lib64/ld-linux-x86-64.so.2", LOADER)] if LOADER in files else [],
        )  # fmt: skip
        return Member.of(descriptor, facts, manifest), manifest


LOADER = "lib/ld-linux-x86-64.so.2"
C_LIBRARY = ["lib/libc.so.6", LOADER]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    (tmp_path / "usr/lib").mkdir(parents=True)
    for path in C_LIBRARY:
        shutil.copy(HOST / Path(path).name, tmp_path / "usr" / path)
    return Box(tmp_path)


def linked_with(before: str, after: str, before_script: str = "", after_script: str = "", **program):
    """A program that was linked with one library and finds another in its place."""

    def build(box: Box) -> None:
        library = box.gcc("lib/libact.so", before, script=before_script)
        box.program(library, **program)
        box.gcc("lib/libact.so", after, script=after_script)

    return build


COPIES = {"source": "extern int kept; int main(void) { return kept; }"}
HIDDEN = 'int own(void) {{ return 0; }} __asm__(".symver own, act@V{}");'
OLD = "int old(void) { return 0; }"


def privately(*flags: str, needed: str = "a"):
    """A private library that needs another private one and has no search path for it."""

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
    box.remove("lib/private/libact.so")


def filtering(*, present: bool):
    def build(box: Box) -> None:
        box.gcc("lib/libreal.so", ACTS)
        box.program(box.gcc("lib/libact.so", ACTS, "-Wl,-F,libreal.so"))
        if not present:
            box.remove("lib/libreal.so")

    return build


def variant(source: str):
    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS))
        box.gcc("lib/glibc-hwcaps/x86-64-v2/libact.so", source)

    return build


def through_a_link(box: Box) -> None:
    library = box.gcc("lib/private/libact.so.1.2", ACTS, "-Wl,-soname,libact.so.1")
    box.link("lib/private/libact.so.1", "libact.so.1.2")
    box.program(library, "-Wl,-rpath,/usr/lib/private")


def without_its_link(box: Box) -> None:
    through_a_link(box)
    box.remove("lib/private/libact.so.1")


def only_by_path(*flags: str):
    """A program that needs nothing from the loader's own directories."""

    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS), "-Wl,-z,nodefaultlib", *flags)

    return build


def by_multiarch(directory: str):
    """A program that looks in `/usr/$LIB/private`, and a library in a directory."""

    def build(box: Box) -> None:
        box.program(box.gcc(f"{directory}/libact.so", ACTS), "-Wl,-rpath,/usr/$LIB/private")

    return build


def named(right: str, *, directory: str = "lib", wrong: str = OLD):
    """Two files with the soname libact.so, in one directory; a link of that name leads to the `right` one."""

    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS), f"-Wl,-rpath,/usr/{directory}")
        box.move("lib/libact.so", f"{directory}/libact.so.1")
        box.gcc(f"{directory}/libact.so.2", wrong, "-Wl,-soname,libact.so")
        box.link(f"{directory}/libact.so", right)

    return build


def renamed(box: Box) -> None:
    box.program(box.gcc("lib/libact.so", ACTS))
    box.move("lib/libact.so", "lib/libother.so")


def loaded_by_another_name(*order: str):
    """A file whose name differs from its soname; a program needs it by both names, in this order."""

    def build(box: Box) -> None:
        box.program(*(box.gcc(f"stub/{name}", ACTS) for name in order))
        for name in order:
            box.remove(f"stub/{name}")
        box.gcc("lib/libother.so", ACTS, "-Wl,-soname,libact.so")

    return build


def other_soname(*, by_link: bool):
    """A library that is found by its file name, or by a link to it, and has another soname."""

    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS))
        box.remove("lib/libact.so")
        box.gcc("lib/libreal.so" if by_link else "lib/libact.so", ACTS, "-Wl,-soname,libwhatever.so")
        if by_link:
            box.link("lib/libact.so", "libreal.so")

    return build


def before_the_good_one(build_first, *, path: str = "lib/private/libact.so"):
    """A good library in lib, and another file of its name in a place where the program looks first."""

    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS), *RUNPATH)
        build_first(box, path)

    return build


def in_its_place(build_other):
    """Another file in place of the library that the program was linked with."""

    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS))
        box.remove("lib/libact.so")
        build_other(box, "lib/libact.so")

    return build


def a_program(*flags: str):
    def build(box: Box, path: str) -> None:
        box.gcc("bin/tool", f"{ACTS} int main(void) {{ return 0; }}", "-rdynamic", *flags)
        box.move("bin/tool", path)

    return build


def a_text(content: str):
    return lambda box, path: box.text(path, content)


def a_directory(box: Box, path: str) -> None:
    box.directory(path)


def a_link(target: str, source: str):
    """A link to a library in another directory."""

    def build(box: Box, path: str) -> None:
        box.gcc("lib/deep/er/libreal.so", source, "-Wl,-soname,libact.so")
        box.link(path, target)

    return build


def a_dangling_link(box: Box, path: str) -> None:
    box.link(path, "gone")


def of_another_machine(box: Box, path: str) -> None:
    box.gcc(path, ACTS)
    content = bytearray(box.place(path).read_bytes())
    content[18] = 183
    box.place(path).write_bytes(content)


def linked_directory(source: str):
    """A search path that is a link to the library's directory, and a good library in lib."""

    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS), *RUNPATH)
        box.gcc("lib/deep/libact.so", source)
        box.link("lib/private", "deep")

    return build


def winding(path: str):
    """A good library in lib, and one that lacks a function at the end of a search path that goes down and up."""

    def build(box: Box) -> None:
        box.program(box.gcc("lib/libact.so", ACTS), f"-Wl,-rpath,{path}")
        box.gcc("lib/deep/libact.so", OLD)

    return build


def by_a_linked_directory(box: Box) -> None:
    absolutely(box)
    box.move("lib/private/libact.so", "lib/deep/libact.so")
    box.place("lib/private").rmdir()
    box.link("lib/private", "deep")


def from_where_it_is_opened(path: str, *, found: str, directory: str = "lib/deep/er"):
    """A library in a deep directory, loaded by a link in lib, that looks for another one from its origin."""

    def build(box: Box) -> None:
        second = box.gcc(f"{found}/libb.so", ACTS)
        rpath = f"-Wl,-rpath,{path}"
        first = box.gcc(f"{directory}/libact.so", "extern int act(void); int go(void) { return act(); }", second, rpath)
        box.link("lib/libact.so", f"{directory.removeprefix('lib/')}/libact.so")
        box.program(
            first, f"-Wl,-rpath-link,{box.root}/usr/{found}",
            source="int main(void) { extern int go(void); return go(); }",
        )  # fmt: skip

    return build


CALLS = "extern int act(void); int go(void) { return act(); }"
GOES = "int main(void) { extern int go(void); return go(); }"
LENIENT = "-Wl,--unresolved-symbols=ignore-all"


def called_back(given: str):
    """A library that takes a function from the program which loads it."""

    def build(box: Box) -> None:
        box.program(box.gcc("lib/libgo.so", CALLS), "-rdynamic", LENIENT, source=f"{given} {GOES}")

    return build


def underlinked(*, second: bool = False, rpath: bool = False):
    """A library that does not name another one that it needs; its users do, except for a `second` user."""

    def build(box: Box) -> None:
        act = box.gcc("lib/private/libact.so" if rpath else "lib/libact.so", ACTS)
        go = box.gcc("lib/libgo.so", CALLS)
        box.program(go, act, *(RUNPATH if rpath else ()), source=GOES)
        if second:
            box.program(go, LENIENT, source=GOES, path="bin/second")

    return build


def for_no_processor(box: Box) -> None:
    box.program(box.gcc("lib/libact.so", ACTS))
    box.gcc("lib/glibc-hwcaps/zzz/libact.so", "extern int none(void); int old(void) { return none(); }")


def unneeded_link(box: Box) -> None:
    through_a_link(box)
    box.link("lib/private/libold.so.1", "libold.so.1.0")


def beside(
    *, first: str, wanted: str = ACTS, user: str = CALLS, script: str = "", stub: str = "int y(void) { return 0; }"
):
    """A program whose libgo.so was linked with libwanted.so; libfirst.so comes before that and became another."""

    def build(box: Box) -> None:
        go = box.gcc("lib/libgo.so", user, box.gcc("lib/libwanted.so", wanted, script=script))
        source = "int main(void) { extern int go(void), y(void); return go() + y(); }"
        box.program(box.gcc("lib/libfirst.so", stub), go, LENIENT, source=source)
        box.gcc("lib/libfirst.so", f"int y(void) {{ return 0; }} {first}")

    return build


def over_a_function(box: Box) -> None:
    """A program that exports a variable, and a library that calls a function of that name in another one."""
    go = box.gcc("lib/libgo.so", CALLS, box.gcc("lib/libwanted.so", ACTS))
    box.program(go, "-rdynamic", source=f"int act[40] = {{1}}; {GOES}")


def calling_itself(soname: str):
    """libb.so needs libx.so, and is loaded after liby.so, whose soname differs."""

    def build(box: Box) -> None:
        second = box.gcc("lib/libb.so", CALLS, box.gcc("lib/libx.so", ACTS))
        source = "int main(void) { extern int go(void), y(void); return go() + y(); }"
        box.program(box.gcc("lib/liby.so", "int y(void) { return 0; }"), second, LENIENT, source=source)
        box.gcc("lib/liby.so", "int y(void) { return 0; }", f"-Wl,-soname,{soname}")

    return build


def two_of_a_name(box: Box) -> None:
    """Two libraries, each with a private one: the second takes that of the first, which is loaded by then."""
    made = []
    for name, act in (("a", "one"), ("b", "two")):
        second = box.gcc(f"lib/{name}/libx.so", f"int {act}(void) {{ return 0; }}")
        source = f"extern int {act}(void); int {name}(void) {{ return {act}(); }}"
        made.append(box.gcc(f"lib/lib{name}.so", source, second, f"-Wl,-rpath,/usr/lib/{name}"))
    box.program(*made, LENIENT, source="int main(void) { extern int a(void), b(void); return a() + b(); }")


def noting(name: str, priority: str = "required") -> str:
    """C that records that a file opens a library, and a function `opens` that does so."""
    note = f'[{{"soname":["{name}"],"priority":"{priority}"}}]'.replace('"', '\\\\\\"')
    return (
        "#include <dlfcn.h>\n#include <stdio.h>\n"
        '__asm__(".pushsection .note.dlopen,\\"a\\"\\n.balign 4\\n.long 4, 2f-1f, 0x407c0c0a\\n.asciz \\"FDO\\"\\n'
        f'1: .asciz \\"{note}\\"\\n2: .balign 4\\n.popsection");\n'
        f'int opens(void) {{ if (dlopen("{name}", RTLD_NOW)) return 0; printf("error %s\\n", dlerror()); return 1; }}\n'
    )


OPENS = "int main(void) { extern int opens(void); return opens(); }"


def opened_with_a_function_of(program: str):
    """A program opens a library that needs a function of the program."""

    def build(box: Box) -> None:
        box.gcc("lib/libplug.so", CALLS)
        box.program("-rdynamic", source=f"{noting('libplug.so')} {program} {OPENS}")

    return build


def opened_that_refuses(*, loaded: bool):
    """A program opens a library that is to be loaded with it, and perhaps is."""

    def build(box: Box) -> None:
        library = box.gcc("lib/libplug.so", ACTS, "-Wl,-z,nodlopen")
        box.program(*([library] if loaded else []), source=f"{noting('libplug.so')} {OPENS}")

    return build


def opened_after(box: Box) -> None:
    """A program has a private library, and what it opens needs a public one of that name."""
    private = box.gcc("lib/p1/libx.so", "int first(void) { return 0; }")
    box.gcc("lib/libplug.so", CALLS, box.gcc("lib/libx.so", ACTS))
    source = f"{noting('libplug.so')} int main(void) {{ extern int first(void); return first() + opens(); }}"
    box.program(private, "-Wl,-rpath,/usr/lib/p1", source=source)


def opened_by_a_library(*flags: str, loaded: bool = False):
    """A library opens a private one, which is where its program looks, or which that has already loaded."""

    def build(box: Box) -> None:
        private = box.gcc("lib/private/libplug.so", ACTS)
        first = box.gcc("lib/liba.so", noting("libplug.so"))
        box.program(first, *([private] if loaded else []), *flags, source=OPENS)

    return build


def started_by_a_loader(box: Box, path: str) -> None:
    """A library that can be run, as some can to print their version, and that has no soname."""
    box.place(path).unlink(missing_ok=True)
    section = 'const char i[] __attribute__((section(".interp"))) = "/lib64/ld-linux-x86-64.so.2";'
    command = ["gcc", "-xc", "-", "-shared", "-fPIC", "-o", str(box.place(path))]
    subprocess.run(command, input=f"{section} {ACTS}", text=True, check=True)
    box.add(path)


def by_a_path_from(origin: str, *, user: str = "bin/program"):
    """A program, or a library that it loads, needs a library by a path that starts from its own directory."""

    def build(box: Box) -> None:
        library = box.gcc("lib/private/libact.so", ACTS)
        if user == "bin/program":
            box.program(library)
        else:
            box.program(box.gcc(user, CALLS, library), LENIENT, source=GOES)
        command = ["patchelf", "--replace-needed", "libact.so", f"{origin}/libact.so", str(box.place(user))]
        subprocess.run(command, check=True)

    return build


TLS_USER = "extern __thread int act; int go(void) { return act; }"
FAR_USER = "extern int kept[4096]; int go(void) { kept[4000] = 1; return 0; }"


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
    "a link to the right one of two": (True, named("libact.so.1")),
    "a link to the wrong one of two": (False, named("libact.so.2")),
    "a link to the right one of two on a path": (True, named("libact.so.1", directory="lib/private")),
    "a link to the wrong one of two on a path": (False, named("libact.so.2", directory="lib/private")),
    "a soname under another file name": (False, renamed),
    "a soname that is loaded by another name": (True, loaded_by_another_name("libother.so", "libact.so")),
    "a soname that is loaded by another name, and later": (
        False,
        loaded_by_another_name("libact.so", "libother.so"),
    ),
    "another soname in the right file": (True, other_soname(by_link=False)),
    "another soname behind the right link": (True, other_soname(by_link=True)),
    "a variant by a link": (
        True,
        before_the_good_one(a_link("../../deep/er/libreal.so", ACTS), path="lib/glibc-hwcaps/x86-64-v2/libact.so"),
    ),
    "a variant by a link, and it lacks a function": (
        False,
        before_the_good_one(a_link("../../deep/er/libreal.so", OLD), path="lib/glibc-hwcaps/x86-64-v2/libact.so"),
    ),
    "a variant on a path that lacks a function": (
        False,
        before_the_good_one(
            lambda box, path: box.gcc(path, OLD), path="lib/private/glibc-hwcaps/x86-64-v2/libact.so"
        ),
    ),
    "a text as a variant": (
        False,
        before_the_good_one(a_text("text" * 40), path="lib/glibc-hwcaps/x86-64-v2/libact.so"),
    ),
    "a variant that no loader looks for": (True, for_no_processor),
    "a link on a path": (True, before_the_good_one(a_link("../deep/er/libreal.so", ACTS))),
    "a link on a path, and it lacks a function": (False, before_the_good_one(a_link("../deep/er/libreal.so", OLD))),
    "a linked directory on a path": (True, linked_directory(ACTS)),
    "a linked directory on a path, and it lacks a function": (False, linked_directory(OLD)),
    "a library by its path through a linked directory": (True, by_a_linked_directory),
    "down to nowhere and up again": (True, winding("/usr/lib/none/../deep")),
    "down to a directory and up again": (False, winding("/usr/lib/deep/../deep")),
    "from where a link is": (True, from_where_it_is_opened("$ORIGIN/private", found="lib/private")),
    "from where a link is, and it is where the file is": (
        False,
        from_where_it_is_opened("$ORIGIN/private", found="lib/deep/er/private"),
    ),
    "up from where a link is": (False, from_where_it_is_opened("$ORIGIN/../private", found="lib/deep/private")),
    "up from where a link is, and down": (
        True,
        from_where_it_is_opened("$ORIGIN/../lib/private", found="lib/private"),
    ),
    "a program in a library's place": (False, in_its_place(a_program("-pie"))),
    "a program at a fixed address in a library's place": (False, in_its_place(a_program("-no-pie"))),
    "a text in a library's place": (False, in_its_place(a_text("INPUT(libact.so.1)" * 9))),
    "an empty file in a library's place": (False, in_its_place(a_text(""))),
    "a directory in a library's place": (False, in_its_place(a_directory)),
    "a dangling link in a library's place": (False, in_its_place(a_dangling_link)),
    "a program before it": (False, before_the_good_one(a_program("-pie"))),
    "a text before it": (False, before_the_good_one(a_text("INPUT(libact.so.1)" * 9))),
    "an empty file before it": (False, before_the_good_one(a_text(""))),
    "a directory before it": (False, before_the_good_one(a_directory)),
    "a dangling link before it": (True, before_the_good_one(a_dangling_link)),
    "another machine's library before it": (True, before_the_good_one(of_another_machine)),
    "a library that the program gives a function": (True, called_back(ACTS)),
    "a library that the program does not give a function": (False, called_back("")),
    "a library whose users name what it needs": (True, underlinked()),
    "a library whose users name what it needs, and find it on a path": (True, underlinked(rpath=True)),
    "a library of which one user does not name what it needs": (False, underlinked(second=True)),
    "a dangling link on a path that nobody needs": (True, unneeded_link),
    "a function of a library that comes first": (True, beside(first=ACTS)),
    "a variable of a library that comes first, of the same size": (
        True,
        beside(first="int act;", wanted="int act;", user="extern int act; int go(void) { return act; }"),
    ),
    "a variable of a library that comes first for a function": (False, beside(first="int act[40];")),
    "a variable of a library that comes first for a function with a version": (
        False,
        beside(first="int act[40];", script=V1),
    ),
    "a function of a library that comes first, and another version is wanted": (
        True,
        beside(first=f"{ACTS} int more;", script=V1),
    ),
    "a variable of a library that comes first for a thread-local one": (
        False,
        beside(first="int act;", wanted="__thread int act;", user=TLS_USER),
    ),
    "a smaller variable of a library that comes first": (
        False,
        beside(first="int kept;", wanted="int kept[4096];", user=FAR_USER),
    ),
    "a library that calls itself as another does": (False, calling_itself("libx.so")),
    "a library that calls itself as none does": (True, calling_itself("libz.so")),
    "two libraries of a name, each private to another": (False, two_of_a_name),
    "what is opened wants a function that the program has": (True, opened_with_a_function_of(ACTS)),
    "what is opened wants a function that the program has not": (False, opened_with_a_function_of("")),
    "what is opened gets a private library of the program": (False, opened_after),
    "what is opened is only to be loaded at start": (False, opened_that_refuses(loaded=False)),
    "what is opened is only to be loaded at start, and was": (True, opened_that_refuses(loaded=True)),
    "what a library opens is on the path of its program": (True, opened_by_a_library(*RPATH)),
    "what a library opens is on a path that it does not inherit": (False, opened_by_a_library(*RUNPATH)),
    "what a library opens is loaded already": (True, opened_by_a_library(*RUNPATH, loaded=True)),
    "a library with an interpreter and without a soname": (True, in_its_place(started_by_a_loader)),
    "a path from where the program is": (True, by_a_path_from("$ORIGIN/../lib/private")),
    "a path from where the program is, and it is elsewhere": (False, by_a_path_from("$ORIGIN/../lib/none")),
    "a path from where a library is": (True, by_a_path_from("${ORIGIN}/private", user="lib/libgo.so")),
    "a path from where a library is, and it is elsewhere": (
        False,
        by_a_path_from("$ORIGIN/none", user="lib/libgo.so"),
    ),
    "a variable of the program for a function": (False, over_a_function),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_proof_says_what_the_dynamic_linker_says(box: Box, case: str) -> None:
    expected, build = CASES[case]
    build(box)
    assert box.starts() is expected
    proof = box.proof()
    assert proof.holds is expected, [problem.message for problem in proof.problems]


@pytest.mark.parametrize(("between", "expected"), [("case", False), ("other", True)])
def test_up_from_a_directory_of_one_package_is_that_package(box: Box, between: str, *, expected: bool) -> None:
    box.program(box.gcc("lib/libact.so", ACTS), "-Wl,-rpath,/usr/lib/between/../worse")
    box.gcc("lib/worse/libact.so", OLD)
    box.text("lib/between/text", "")
    box.packages = {"case": ["bin/program", "lib/libact.so", "lib/worse/libact.so"], "other": []}
    box.packages[between].append("lib/between/text")
    assert (box.starts(), box.proof().holds) == (expected, expected)


@pytest.mark.parametrize(("path", "expected"), [(RPATH, True), (RUNPATH, False)], ids=["inherited", "not inherited"])
def test_a_path_leads_to_the_private_library_of_another_package(box: Box, path, *, expected: bool) -> None:
    second = box.gcc("lib/private/libb.so", ACTS)
    first = box.gcc("lib/liba.so", "extern int act(void); int pass(void) { return act(); }", second)
    source = "int main(void) { extern int pass(void); return pass(); }"
    box.program(first, f"-Wl,-rpath-link,{box.root}/usr/lib/private", *path, source=source)
    box.packages = {"keeper": ["lib/private/libb.so"], "middle": ["lib/liba.so"], "case": ["bin/program"]}
    proof = box.proof()
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
    # A program that calls a variable would start, and crash at once.
    assert code == "class-mismatch" or box.starts()
    (problem,) = box.proof().problems
    assert problem.code == code
    assert problem.packages == ("case",)
    assert {"bin/program", "libact.so"} <= set(problem.message.replace(",", "").split())
