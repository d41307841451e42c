"""Links, pkg-config modules and Python distributions: each check finds its fault, and finds it again after a change."""

import pytest

from farm.compat import Prover, prove, prove_change
from farm.package import PkgConfigLibraries
from tests.compat.values import elf, member, the_set

PLACE = "lib/python3.13/site-packages"


def found(*members):
    return [problem.message for problem in prove(the_set(*members)).problems]


def module(name, *, requires=(), private=(), libraries=(), directories=()):
    one = (name, "1", requires, private, PkgConfigLibraries(libraries, ("never-looked-for",), directories))
    return member(name, {f"lib/lib{name}.so": ""}, modules=[one])


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


class TestModules:
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
            f"say 1.0-1: {PLACE}/say.dist-info/METADATA: say wants Python >=3.14, and it lies where Python 3.13 looks"
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
