"""Links, pkg-config modules and Python distributions: each check finds its problem, and again after a change."""

import shutil
import subprocess
from dataclasses import fields
from random import Random

import pytest
from packaging.markers import Marker

from farm.core.package.facts import ModuleVersion, PkgConfigLibraries
from farm.core.package.pkgconfig import parse_pkg_config
from farm.core.sets.needs.pkg_config_needs import fits
from farm.core.sets.proof.prover import Prover, prove
from tests.core.sets.values import elf, member, prove_change, the_set

PLACE = "lib/python3.13/site-packages"
METADATA = f"{PLACE}/say.dist-info/METADATA"


def found(*members):
    return [problem.message for problem in prove(the_set(*members)).problems]


def module(name, *, requires=(), private=(), libraries=(), directories=()):
    one = (name, "1", requires, private, PkgConfigLibraries(libraries, ("never-looked-for",), directories))
    return member(name, {f"lib/lib{name}.so": ""}, modules=[one])


def asking(name, comparison, version):
    libraries = PkgConfigLibraries()
    return member("a", modules=[("a", "1", (name,), (), libraries, (ModuleVersion(name, comparison, version),))])


def values_of(module):
    return tuple(getattr(module, field.name) for field in fields(module))


def distribution(name, *needs, version="1.0", place=PLACE, wants="", **more):
    path = f"{place}/{name}.dist-info/METADATA"
    return member(name, {path: "", **more}, python=[(path, name, version, wants, needs)])


PYTHON = member("python", {"bin/python3.13": ""})
WITH_PYTHON = (PYTHON,)


def test_dangling_links_are_told_together():
    links = [("share/one", "nowhere"), ("share/two", "../nowhere")]
    assert found(member("a", dangling=links)) == [
        "a 1.0-1: the link share/one leads to nowhere, which is not there, and 1 more of its links likewise"
    ]


def test_a_dangling_link_where_only_a_loader_looks_is_a_note():
    program = elf(runpath=["/usr/lib/private"], kind="pie")
    links = [("lib/private/libold.so.1", "gone"), ("lib/libold.so", "gone"), ("lib/private/notes", "gone")]
    one = member("a", {"bin/a": program}, dangling=links[:1])
    assert [note.message for note in prove(the_set(one)).notes] == [
        "a 1.0-1: the link lib/private/libold.so.1 leads to gone, which is not there; nothing needs it"
    ]
    assert found(one) == []
    assert found(member("a", {"bin/a": program}, dangling=links)) == [
        "a 1.0-1: the link lib/libold.so leads to gone, which is not there, and 1 more of its links likewise"
    ]
    assert len(found(member("a", dangling=links[:1]))) == 1


class TestModules:
    @pytest.mark.parametrize(("wanted", "fits"), [(">= 1", True), (">= 2", False), ("= 1", True), ("< 1", False)])
    def test_the_version_of_a_module_is_one_that_is_asked_for(self, wanted, *, fits):
        user = asking("b", *wanted.split())
        assert found(user, module("b")) == (
            [] if fits else [f"a 1.0-1: the pkg-config module a requires b {wanted}, and that of b 1.0-1 has version 1"]
        )

    def test_a_change_of_the_version_is_seen(self):
        prover = Prover([asking("b", ">=", "1"), module("b")])
        assert prover.proof.holds
        older = member("b", {"lib/libb.so": ""}, modules=[("b", "0.9")])
        (problem,) = prove_change(prover, add=[older]).problems
        assert (problem.code, problem.packages) == ("other-module-version", ("a", "b"))

    def test_versions_are_proven_where_facts_tell_of_them_alone(self):
        scope = prove(the_set(asking("b", ">=", "1"), module("b"))).scope
        assert "2 pkg-config modules, 1 version that a module asks for" in scope.proven
        assert "version" not in prove(the_set(module("a", requires=("b",)), module("b"))).scope.proven

    @pytest.mark.skipif(shutil.which("pkgconf") is None, reason="needs pkgconf")
    def test_versions_are_compared_as_pkg_config_does(self, tmp_path):
        random = Random(14)
        parts = ["1", "0", "10", "01", "a", "rc", "B", "~", ".", "-", "_", "+", "2", "b1"]
        for _ in range(80):
            has, wanted = ("".join(random.choices(parts, k=random.randint(1, 5))) for _ in range(2))
            (tmp_path / "x.pc").write_text(f"Name: x\nDescription: x\nVersion: {has}\n")
            comparison = random.choice(["<", "<=", "=", "!=", ">=", ">"])
            command = ["pkgconf", "--exists", f"x {comparison} {wanted}"]
            asked = subprocess.run(command, env={"PKG_CONFIG_PATH": str(tmp_path)}, check=False).returncode == 0
            assert fits(has, ModuleVersion("x", comparison, wanted)) is asked, (has, comparison, wanted)

    def test_what_a_module_requires_is_there(self):
        assert found(module("a", requires=("b",), private=("c",)), module("b"), module("c")) == []

    @pytest.mark.parametrize("kind", ["requires", "private"])
    def test_a_module_that_is_not_there_is_named(self, kind):
        assert found(module("a", **{kind: ("b",)})) == [
            "a 1.0-1: the pkg-config module a requires b, which no package of the set provides"
        ]

    @pytest.mark.parametrize(("path", "directories"), [
        ("lib/libz.so", ()), ("lib/libz.a", ()), ("lib/deep/libz.so", ("/usr/lib/deep",)), ("lib/libz.so", ("/opt",)),
    ])  # fmt: skip
    def test_a_library_is_found_where_a_linker_looks(self, path, directories):
        assert found(module("a", libraries=("z",), directories=directories), member("z", {path: ""})) == []

    @pytest.mark.parametrize("path", ["lib/libz.so.1", "lib/deep/libz.so", "share/libz.so"])
    def test_a_library_elsewhere_is_not(self, path):
        assert found(module("a", libraries=("z",)), member("z", {path: ""})) == [
            (
                "a 1.0-1: the pkg-config module a links with -lz, "
                "and no package of the set has libz.so or libz.a where it looks"
            )
        ]

    def test_what_others_lose_is_seen(self):
        prover = Prover([module("a", requires=("b",), libraries=("z",)), module("b"), member("z", {"lib/libz.so": ""})])
        assert prover.proof.holds
        proof = prove_change(prover, remove=["z", "b"])
        assert [problem.code for problem in proof.problems] == ["missing-linker-library", "missing-module"]
        assert prove_change(prover, add=[module("b"), member("z", {"lib/libz.a": ""})]).holds


ASKED = {
    "Requires.internal: gone": "missing-module",
    "Requires: gone\nRequires: there": "missing-module",
    "Requires.private: there\nRequires.private: gone": "missing-module",
    "Requires.internal: there >= 2": "other-module-version",
    "Requires: there\nRequires: there >= 2": "other-module-version",
    "Requires: there\nConflicts: there": "conflicting-module",
    "Requires: there\nConflicts: there >= 1": "conflicting-module",
    "Requires: there\nConflicts: gone, there < 2": "conflicting-module",
    "Requires: there\nConflicts: there >= 2": "",
    "Conflicts: there": "",
    "Requires.private: there\nConflicts: there": "",
    "Requires: between\nConflicts: there": "",
    "Requires: pkg-config": "",
    "Requires: pkgconf, pkg-config >= 0.1": "",
    "Requires: virtual": "",
    "Requires: virtual = 3": "",
    "Requires: virtual >= 2, virtual < 4": "",
    "Requires: virtual < 3": "other-module-version",
    "Requires: versionless": "missing-module",
    "Requires : gone": "missing-module",
}
AROUND = {"there": "Version: 1", "between": "Version: 1\nRequires: there"} | {
    "standing": "Version: 9\nProvides: virtual = 3, other = 1\nProvides: versionless",
}

STANDING = member("standing", modules=[values_of(parse_pkg_config("standing", "Version: 9\nProvides: virtual = 3\n"))])


class TestAsPkgconf:
    @pytest.mark.skipif(shutil.which("pkgconf") is None, reason="needs pkgconf")
    @pytest.mark.parametrize("lines", ASKED)
    def test_a_module_is_judged_as_pkgconf_judges_it(self, lines, tmp_path):
        texts = {
            name: f"Name: x\nDescription: x\n{text}\n" for name, text in {**AROUND, "a": f"Version: 1\n{lines}"}.items()
        }
        for name, text in texts.items():
            (tmp_path / f"{name}.pc").write_text(text)
        asked = subprocess.run(["pkgconf", "--exists", "a"], env={"PKG_CONFIG_LIBDIR": str(tmp_path)}, check=False)
        parsed = [parse_pkg_config(name, text) for name, text in texts.items()]
        members = [member(module.name, modules=[values_of(module)]) for module in parsed]
        codes = [problem.code for problem in prove(the_set(*members)).problems]
        assert codes == ([ASKED[lines]] if ASKED[lines] else [])
        assert (asked.returncode == 0) is (codes == [])

    def test_what_a_conflict_and_a_stand_in_say_is_told(self):
        one, other = (
            parse_pkg_config("a", f"Version: 1\n{lines}\n")
            for lines in ("Requires: there\nConflicts: there < 2", "Requires: virtual = 2")
        )
        there = member("there", modules=[("there", "1")])
        assert found(member("a", modules=[values_of(one)]), there) == [
            (
                "a 1.0-1: the pkg-config module a conflicts with there < 2, which it requires, "
                "and that of there 1.0-1 has version 1"
            )
        ]
        assert found(member("a", modules=[values_of(other)]), STANDING) == [
            "a 1.0-1: the pkg-config module a requires virtual = 2, and that of standing 1.0-1 has version 3"
        ]

    def test_a_stand_in_that_goes_is_seen(self):
        prover = Prover([member("a", modules=[("a", "1", ("virtual",))]), STANDING])
        assert prover.proof.holds
        assert [problem.code for problem in prove_change(prover, remove=["standing"]).problems] == ["missing-module"]
        assert prove_change(prover, add=[STANDING]).holds

    @pytest.mark.parametrize(("libs", "said"), [
        ("-l:libz.so.1", ""), ("-L/usr/lib/deep -l:libdeep.a", ""), ("-l:libgone.so.1", "links with -l:libgone.so.1, "),
        ("${libdir}/libz.so.1", ""), ("${libdir}/plugin.so", ""),
        ("${libdir}/libgone.so", "links with /usr/lib/libgone.so, "),
        ("/lib/../lib/libz.so.1", ""), ("/opt/libz.so.1", "links with /opt/libz.so.1, "), ("-L /usr/lib/a.so/b", ""),
        ("-l:libz.so", "links with -l:libz.so, and no package of the set has libz.so where it looks"),
        ("-L/usr/lib/deep -l:odd.so", ""), ("/usr/lib/deep/odd.so", ""), ("-isystem /usr/lib/gone.so", ""),
    ])  # fmt: skip
    def test_a_library_by_its_file(self, libs, said):
        has = member("z", dict.fromkeys(("lib/libz.so.1", "lib/deep/libdeep.a", "lib/plugin.so"), ""))
        parsed = parse_pkg_config("a", f"libdir=/usr/lib\nVersion: 1\nLibs: {libs}\n")
        messages = found(member("a", modules=[values_of(parsed)]), has)
        assert len(messages) == bool(said)
        assert all(said in message for message in messages)

    def test_a_file_that_goes_is_seen(self):
        parsed = parse_pkg_config("a", "Version: 1\nLibs: /usr/lib/libz.so.1\n")
        prover = Prover([member("a", modules=[values_of(parsed)]), member("z", {"lib/libz.so.1": ""})])
        assert prover.proof.holds
        assert [problem.code for problem in prove_change(prover, remove=["z"]).problems] == ["missing-linker-file"]


class TestPython:
    def test_what_a_distribution_requires_is_there(self):
        words = distribution("words", version="2.1")
        assert found(distribution("say", "Words>=2", "gone; extra == 'more'"), words, *WITH_PYTHON) == []

    @pytest.mark.parametrize(
        ("need", "said"),
        [
            ("other", "requires other, which no package of the set has for its Python"),
            ("words>=3", "requires words>=3, and the set has words 2.1 of words 1.0-1"),
            ("other; python_version >= '3.13'", "requires other"),
            ("other[fast]", "requires other"),
        ],
    )
    def test_what_is_not_there_is_named(self, need, said):
        (message,) = found(distribution("say", need), distribution("words", version="2.1"), *WITH_PYTHON)
        assert message.startswith("say 1.0-1: the Python distribution say requires ")
        assert said in message

    @pytest.mark.parametrize("need", ["other; python_version < '3.13'", "other; sys_platform == 'win32'", "== what"])
    def test_what_does_not_hold_here_is_not_asked_for(self, need):
        assert found(distribution("say", need), *WITH_PYTHON) == []

    def test_a_distribution_for_another_python_does_not_serve(self):
        other = distribution("words", place="lib/python3.12/site-packages")
        both = member("python", {"bin/python3.13": "", "bin/python3.12": ""})
        assert len(found(distribution("say", "words"), other, both)) == 1

    def test_it_has_to_want_this_python(self):
        assert found(distribution("say", wants=">=3.14"), *WITH_PYTHON) == [
            f"say 1.0-1: {METADATA}: say requires Python >=3.14, and it lies where Python 3.13 looks"
        ]
        assert found(distribution("say", wants=">=3.9,<4"), *WITH_PYTHON) == []

    def test_modules_of_a_python_that_is_not_there_are_named(self):
        newer = member("python", {"bin/python3.14": ""}, version="3.14.0")
        (message,) = found(distribution("say"), newer)
        assert message.endswith("it is for Python 3.13, and the set has python 3.14.0-1")
        assert found(distribution("say")) == []

    @pytest.mark.parametrize(("name", "fits"), [
        ("x.cpython-313-x86_64-linux-gnu.so", True), ("x.cpython-312-x86_64-linux-gnu.so", False), ("x.abi3.so", True),
    ])  # fmt: skip
    def test_an_extension_has_to_be_for_the_python_that_loads_it(self, name, *, fits):
        extension = member("x", {f"{PLACE}/{name}": elf()})
        problems = prove(the_set(extension, *WITH_PYTHON)).problems
        assert [problem.code for problem in problems] == ([] if fits else ["other-python"])

    def test_what_others_change_is_seen(self):
        say = distribution("say", "words>=2")
        prover = Prover([say, distribution("words", version="2.0"), *WITH_PYTHON])
        assert prover.proof.holds
        assert not prove_change(prover, add=[distribution("words", version="1.9")]).holds
        assert prove_change(prover, add=[distribution("words", version="2.9")]).holds
        newer = member("python", {"bin/python3.14": ""})
        assert {problem.code for problem in prove_change(prover, add=[newer]).problems} == {"other-python"}


SHARED = "lib/python3/dist-packages"


def codes_of(*members):
    """The codes of problems and notes."""
    proof = prove(the_set(*members))
    return [finding.code for finding in (*proof.problems, *proof.notes)]


class TestSharedModules:
    """Modules in the directory that every Python 3 of the set searches, as in Debian."""

    @pytest.mark.parametrize("marker", [
        "python_version >= '3.8'", "python_version < '3.8'", "python_version in '3.12, 3.13'",
        "sys_platform == 'linux'",
        "python_full_version >= '3.13.2'", "python_full_version < '3.13.2'", "python_version >= '3.14'",
    ])  # fmt: skip
    def test_markers_hold_as_for_the_python_of_the_set(self, marker):
        python = member("python", {"bin/python3.13": ""}, version="3.13.5")
        here = {"python_version": "3.13", "python_full_version": "3.13.5", "sys_platform": "linux"}
        asked = Marker(marker).evaluate(here)
        assert (
            codes_of(distribution("say", f"gone; {marker}", place=SHARED), python) == ["missing-distribution"] * asked
        )

    def test_the_version_that_a_distribution_wants_is_that_of_the_python_of_the_set(self):
        assert codes_of(distribution("say", wants=">=3.14", place=SHARED), PYTHON) == ["other-python"]
        assert codes_of(distribution("say", wants=">=3.13", place=SHARED), PYTHON) == []

    @pytest.mark.parametrize("pythons", [(), ("bin/python3.12", "bin/python3.13")])
    def test_without_one_python_what_goes_by_its_version_is_not_judged_and_a_note_says_so(self, pythons):
        around = [member("python", dict.fromkeys(pythons, ""))] if pythons else []
        for say in (
            distribution("say", "gone; python_version >= '3.8'", place=SHARED),
            distribution("say", wants=">=3.14", place=SHARED),
        ):
            assert codes_of(say, *around) == ["unknown-python"]
        assert codes_of(distribution("say", "gone", place=SHARED), *around) == ["missing-distribution"]
        assert codes_of(distribution("say", "gone; sys_platform == 'win32'", place=SHARED), *around) == []

    def test_the_note_names_the_pythons(self):
        both = member("python", {"bin/python3.12": "", "bin/python3.13": ""})
        (note,) = prove(the_set(distribution("say", wants=">=3", place=SHARED), both)).notes
        assert note.message.endswith("and the set has Python 3.12 and 3.13: they are not judged")

    @pytest.mark.parametrize(("tags", "fits"), [(("311",), False), (("313",), True), (("311", "313"), True)])
    def test_an_extension_is_for_a_python_of_the_set(self, tags, *, fits):
        one = member("x", {f"{SHARED}/m.cpython-{tag}-x86_64-linux-gnu.so": elf() for tag in tags})
        assert codes_of(one, PYTHON) == ([] if fits else ["other-python"])
        assert codes_of(one) == []

    def test_another_python_is_seen(self):
        say = distribution("say", "gone; python_version >= '3.14'", place=SHARED)
        prover = Prover([say, PYTHON])
        assert prover.proof.holds
        newer = member("python", {"bin/python3.14": ""})
        assert [problem.code for problem in prove_change(prover, add=[newer]).problems] == ["missing-distribution"]


class TestMachine:
    @pytest.mark.parametrize(("platform", "asked"), [("linux/amd64", False), ("linux/arm64", True)])
    def test_a_marker_goes_by_the_platform_of_the_set_and_not_by_who_judges(self, platform, *, asked):
        path = f"{PLACE}/say.dist-info/METADATA"
        for need in ("gone; platform_machine == 'aarch64'", "far; platform_version != 'x'"):
            say = member("say", {path: ""}, python=[(path, "say", "1", "", (need,))], platform=platform)
            assert codes_of(say) == ["missing-distribution"] * (asked and "gone" in need)


class TestExtras:
    DEP = distribution("dep", "gone; extra == 'e'", "dep[e]; extra == 'all'", "words; extra == 'Big_One'")

    def test_what_an_extra_asks_for_is_there(self):
        assert found(self.DEP, distribution("say", "dep"), *WITH_PYTHON) == []
        assert found(self.DEP, distribution("say", "dep[e]"), *WITH_PYTHON) == [
            (
                "say 1.0-1: the Python distribution say requires dep[e]; with that extra dep 1.0-1 requires gone, "
                "which no package of the set has for its Python"
            )
        ]
        assert found(self.DEP, distribution("say", "dep[e]"), distribution("gone"), *WITH_PYTHON) == []

    @pytest.mark.parametrize("need", ["dep[all]", "dep[big-one]", "dep[none,e]", "other[f]"])
    def test_extras_ask_for_extras(self, need):
        other = distribution("other", "dep[all]; extra == 'f'", "other[f]; extra == 'f'")
        assert codes_of(self.DEP, other, distribution("say", need), *WITH_PYTHON) == ["missing-for-extra"]

    def test_a_version_that_an_extra_does_not_take_is_told(self):
        dep = distribution("dep", "words>=2; extra == 'e'")
        (message,) = found(dep, distribution("say", "dep[e]"), distribution("words"), *WITH_PYTHON)
        assert message.endswith("dep 1.0-1 requires words>=2, and the set has words 1.0 of words 1.0-1")

    @pytest.mark.parametrize("need", ["dep[e]", "dep[all]", "other[f]"])
    def test_what_others_change_is_seen(self, need):
        other = distribution("other", "dep[e]; extra == 'f'")
        members = [self.DEP, other, distribution("say", need), distribution("gone"), *WITH_PYTHON]
        prover = Prover(members)
        assert prover.proof.holds
        assert [problem.code for problem in prove_change(prover, remove=["gone"]).problems] == ["missing-for-extra"]
        assert prove_change(prover, add=[distribution("gone")]).holds
        more = distribution("dep", "gone; extra == 'e'", "dep[e]; extra == 'all'", "far; extra == 'e'")
        assert not prove_change(prover, add=[more]).holds
