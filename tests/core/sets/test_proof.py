"""What a proof finds, and that it finds the same after a change as from scratch."""

from dataclasses import replace

import pytest

from farm.core.package.elf.facts import Symbol
from farm.core.package.shebang import read_shebang
from farm.core.sets.findings.link_problem import MissingSymbol
from farm.core.sets.findings.problem import PathConflict
from farm.core.sets.proof.closure import closure
from farm.core.sets.proof.prover import Prover, prove
from tests.core.sets.values import GLIBC, changed, elf, jq, member, oniguruma, prove_change, the_set


def problems(*members):
    return [problem.message for problem in prove(the_set(*members)).problems]


def library(soname, *, name="", **facts):
    return member(name or soname.split(".")[0], {f"lib/{soname}": elf(soname=soname, **facts)})


def program(**facts):
    return member("program", {"bin/program": elf(**facts)})


def test_a_set_in_which_everything_is_found_is_proven():
    assert prove(the_set(jq(), oniguruma(), GLIBC)).holds


def test_a_dropped_symbol_is_named_with_file_library_and_package():
    proof = prove(the_set(jq(), oniguruma(exports=["onig_free"], revision=2), GLIBC))
    assert [problem.message for problem in proof.problems] == [
        "jq 1.7.1-1: bin/jq imports onig_new (no version) from libonig.so.5, which oniguruma 6.9.9-2 does not export"
    ]
    assert proof.problems[0].packages == ("jq", "oniguruma")
    assert proof.problems == (
        MissingSymbol("jq 1.7.1-1", "bin/jq", "onig_new", "", (("libonig.so.5", "oniguruma 6.9.9-2"),)),
    )


def test_versions_are_compared_exactly():
    assert problems(jq(imports=["malloc@GLIBC_2.99@libc.so.6"]), oniguruma(), GLIBC) == [
        "jq 1.7.1-1: bin/jq imports malloc (version GLIBC_2.99) from libc.so.6, which glibc 2.41-1 does not export"
    ]


def test_an_import_without_a_version_takes_any_export_of_the_name():
    assert problems(jq(imports=["memcpy"]), oniguruma(), GLIBC) == []


@pytest.mark.parametrize(
    ("exports", "fits"),
    [
        ([Symbol("x", hidden=True)], True),
        ([Symbol("x", "V1", hidden=True)], True),
        ([Symbol("x", "V3", hidden=True, later=True)], False),
        ([Symbol("x", "V3", later=True)], True),
        ([Symbol("x", "V3", later=True), Symbol("x", "V4", later=True)], False),
        ([Symbol("x", "V3", hidden=True, later=True), Symbol("x", "V4", later=True)], True),
    ],
)
def test_an_import_without_a_version_takes_first_versions_even_hidden_and_one_later_one(exports, *, fits):
    assert (
        prove(the_set(program(needs=["liba.so.1"], imports=["x"]), library("liba.so.1", exports=exports))).holds is fits
    )


@pytest.mark.parametrize(
    ("exports", "fits"),
    [
        ([Symbol("x", "V1")], True),
        ([Symbol("x", "V1", hidden=True, later=True)], True),
        ([Symbol("x", "V2")], False),
        ([Symbol("x")], True),
        ([Symbol("x", hidden=True)], False),
    ],
)
def test_an_import_with_a_version_takes_that_or_one_without_that_is_not_hidden(exports, *, fits):
    user = program(needs=["liba.so.1"], imports=["x@V1@liba.so.1"])
    assert prove(the_set(user, library("liba.so.1", exports=exports))).holds is fits


def test_a_weak_import_may_stay_open():
    assert problems(jq(imports=[], weak=["__gmon_start__"]), oniguruma(), GLIBC) == []


def test_a_symbol_is_found_in_the_libraries_of_libraries():
    assert problems(jq(needs=["libonig.so.5"]), oniguruma(), GLIBC) == []


def test_a_symbol_outside_the_closure_is_not_found():
    other = member("other", {"lib/libother.so.1": elf(soname="libother.so.1", exports=["other"])})
    assert problems(jq(imports=["other"]), oniguruma(), other, GLIBC) == [
        "jq 1.7.1-1: bin/jq imports other (no version) from libonig.so.5, which oniguruma 6.9.9-1 does not export"
    ]


def test_where_several_libraries_could_be_meant_all_are_named():
    other = member("other", {"lib/libother.so.1": elf(soname="libother.so.1")})
    assert problems(jq(needs=["libonig.so.5", "libother.so.1"], imports=["x"]), oniguruma(), other, GLIBC) == [
        (
            "jq 1.7.1-1: bin/jq imports x (no version), "
            "which neither libonig.so.5 of oniguruma 6.9.9-1 nor libother.so.1 of other 1.0-1 exports"
        )
    ]


def test_a_library_that_versions_some_of_its_symbols_could_be_meant_too():
    zlib = library("libz.so.1", exports=["deflate", "gzopen@ZLIB_1.2"], defines=["ZLIB_1.2"])
    plain = library("libother.so.1")
    git = program(needs=["libz.so.1", "libother.so.1", "libc.so.6"], imports=["inflate"])
    assert problems(git, zlib, plain, GLIBC) == [
        (
            "program 1.0-1: bin/program imports inflate (no version), "
            "which neither libz.so.1 of libz 1.0-1 nor libother.so.1 of libother 1.0-1 exports"
        )
    ]


def test_a_file_that_needs_no_library_can_import_nothing():
    assert problems(jq(needs=[], imports=["x"])) == [
        "jq 1.7.1-1: bin/jq imports x (no version), which no library that it needs exports"
    ]


def test_a_version_that_is_demanded_without_a_symbol_is_looked_for():
    assert problems(jq(demands=["libc.so.6@GLIBC_ABI_DT_RELR"]), oniguruma(), GLIBC) == []
    assert problems(jq(demands=["libc.so.6@GLIBC_2.99"]), oniguruma(), GLIBC) == [
        "jq 1.7.1-1: bin/jq needs version GLIBC_2.99 of libc.so.6, which glibc 2.41-1 does not define"
    ]


def test_a_missing_library_is_told_alone_with_the_nearest():
    assert problems(jq(), oniguruma(soname="libonig.so.6"), GLIBC) == [
        (
            "jq 1.7.1-1: bin/jq needs libonig.so.5, which no package of the set provides; "
            "the nearest is libonig.so.6 of oniguruma 6.9.9-1"
        )
    ]


def test_a_library_for_another_machine_is_no_library():
    library = elf(soname="libonig.so.5", exports=["onig_new"], machine="i686")
    foreign = member("oniguruma", {"lib/libonig.so.5": library})
    assert problems(jq(), foreign, GLIBC) == [
        (
            "jq 1.7.1-1: bin/jq needs libonig.so.5, which no package of the set provides; "
            "that of oniguruma 1.0-1 is for another machine"
        )
    ]


def test_the_file_whose_loader_lacks_is_named_however_it_spells_that():
    program = replace(elf(kind="pie"), interpreter="/usr/lib64/ld-linux-x86-64.so.2")
    assert problems(member("p", {"bin/p": program})) == [
        "p 1.0-1: bin/p is run by /lib64/ld-linux-x86-64.so.2, which no package of the set provides"
    ]


def test_who_lacks_a_library_is_named_and_not_its_neighbour():
    package = member(
        "ncurses",
        {
            "bin/clear": elf(needs=["libc.so.6"]),
            "lib/libtinfo.so.6": elf(soname="libtinfo.so.6", needs=["libc.so.6"], machine="aarch64"),
        },
    )
    assert problems(package, GLIBC) == [
        (
            "ncurses 1.0-1: lib/libtinfo.so.6 needs libc.so.6, which no package of the set provides; "
            "that of glibc 2.41-1 is for another machine"
        )
    ]


def test_a_library_without_a_soname_is_found_by_the_link_to_it():
    files = {"lib/liblzma.so.5.8.1": elf(exports=["x"]), "lib/liblzma.so.5": "-> liblzma.so.5.8.1"}
    tool = member("tool", {"bin/tool": elf(needs=["liblzma.so.5"], imports=["x"])})
    assert problems(tool, member("xz", files)) == []
    assert [package.name for package in closure(the_set(tool, member("xz", files)), ["tool"])] == ["tool", "xz"]


def test_a_library_that_is_not_where_a_file_looks_is_told_as_that():
    picky = member("picky", {"bin/picky": elf(needs=["libonig.so.5"], only_search_path=True)})
    assert problems(picky, oniguruma(), GLIBC) == [
        (
            "picky 1.0-1: bin/picky needs libonig.so.5, which no package of the set provides; "
            "that of oniguruma 6.9.9-1 is not on its search path"
        )
    ]


def test_a_private_library_is_found_by_its_search_path_only():
    private = {"lib/jq/libjq.so.1": elf(soname="libjq.so.1", exports=["jq_init"])}
    program = elf(needs=["libjq.so.1"], imports=["jq_init"], rpath=["$ORIGIN/../lib/jq"])
    assert problems(member("jq", {"bin/jq": program, **private})) == []
    lost = elf(needs=["libjq.so.1"], imports=["jq_init"])
    assert problems(member("jq", {"bin/jq": lost, **private})) == [
        "jq 1.0-1: bin/jq needs libjq.so.1, which no package of the set provides"
    ]


def test_a_script_names_its_interpreter():
    script = member("tool", {"bin/tool": "text"}, scripts=[("bin/tool", "interpreter:/usr/bin/bash")])
    assert problems(script) == ["tool 1.0-1: bin/tool is run by /usr/bin/bash, which no package of the set provides"]
    assert problems(script, member("bash", {"bin/bash": "text"})) == []


def test_a_script_with_a_relative_interpreter_is_told_why():
    script = member("tool", {"bin/tool": "text"}, scripts=[("bin/tool", read_shebang(b"#!bin/bash\n"))])
    assert problems(script, member("bash", {"bin/bash": "text"})) == [
        ("tool 1.0-1: bin/tool is run by the relative path bin/bash: name it by its absolute path")
    ]


@pytest.mark.parametrize(("line", "who", "name"), [
    ("#!/bin/sh\r\n", "the kernel", r"/usr/bin/sh\r"), ("#!/usr/bin/env sh\r\n", "env", r"sh\r"),
])  # fmt: skip
def test_a_script_whose_lines_end_as_elsewhere_is_told_from_one_without_a_shell(line, who, name):
    script = member("tool", {"bin/tool": "text"}, scripts=[("bin/tool", read_shebang(line.encode()))])
    assert problems(script, member("dash", {"bin/sh": "text", "bin/env": "text"})) == [
        (
            f"tool 1.0-1: the first line of bin/tool ends with a carriage return, so that {who} looks for '{name}': "
            "end its lines with a line feed alone"
        )
    ]


def test_a_declared_need_is_a_package_or_a_command():
    assert problems(member("jq", requires=["base-files", "command:sh"])) == [
        "jq 1.0-1 requires the command sh, which no package of the set provides",
        "jq 1.0-1 requires the package base-files, which no package of the set provides",
    ]
    assert problems(member("jq", requires=["base-files", "command:sh"]), member("base-files", {"bin/sh": ""})) == []


def test_two_providers_are_one_too_many():
    one, two = member("grep", {"bin/grep": ""}), member("busybox", {"bin/grep": ""})
    assert problems(member("tool", requires=["command:grep"]), one, two) == [
        "busybox 1.0-1 and grep 1.0-1 both claim /usr/bin/grep",
        "tool 1.0-1 requires the command grep, which busybox 1.0-1 and grep 1.0-1 both provide",
    ]


def test_a_package_that_replaces_the_other_prevails():
    one, two = member("grep", {"bin/grep": ""}, replaces=["busybox"]), member("busybox", {"bin/grep": ""})
    assert problems(member("tool", requires=["command:grep"]), one, two) == []


def test_packages_that_replace_each_other_do_not():
    one = member("grep", {"bin/grep": ""}, replaces=["busybox"])
    two = member("busybox", {"bin/grep": ""}, replaces=["grep"])
    assert problems(one, two) == ["busybox 1.0-1 and grep 1.0-1 both claim /usr/bin/grep"]


def test_paths_in_conflict_are_told_together():
    files = {f"share/x/{number}": "" for number in range(1200)}
    (problem,) = prove(the_set(member("a", files), member("b", files))).problems
    assert problem == PathConflict(("a 1.0-1", "b 1.0-1"), tuple(sorted(f"usr/{path}" for path in files)))
    assert problem.message == "a 1.0-1 and b 1.0-1 both claim /usr/share/x/0 and 1,199 other paths"


def test_a_file_where_another_has_a_directory_is_a_conflict_whatever_replaces_what():
    one, two = member("a", {"share/x": ""}, replaces=["b"]), member("b", {"share/x/y": ""})
    assert problems(one, two) == ["a 1.0-1 and b 1.0-1 both claim /usr/share/x"]


def test_a_package_can_contradict_itself():
    assert problems(member("a", {"bin/a": "", "bin/b": ""}, links=[("usr/bin/a", "bin/b")])) == [
        "a 1.0-1 claims /usr/bin/a in two ways"
    ]


PLUGIN = elf(imports=["bash_builtin"])
BASH = member("bash", {"bin/bash": elf(exports=["bash_builtin"])})


def test_a_plugin_may_import_from_its_loader():
    plugin = member("extras", {"lib/bash/x": PLUGIN}, plugins=[("lib/bash/*", "bash")])
    assert problems(plugin, BASH) == []
    assert problems(plugin, member("bash", {"bin/bash": elf()})) == [
        "extras 1.0-1: lib/bash/x imports bash_builtin (no version), which its loader bash does not export"
    ]


def test_a_plugin_is_found_its_loader_through_links():
    plugin = member("extras", {"lib/py/x.so": elf(imports=["Py_Init"])}, plugins=[("lib/py/*", "python3")])
    library = elf(soname="libpython3.so", exports=["Py_Init"])
    python = {"bin/python3": "-> python3.13", "bin/python3.13": elf(needs=["libpython3.so"])}
    assert problems(plugin, member("python", {**python, "lib/libpython3.so": library})) == []


def test_a_plugin_whose_loader_is_nowhere_is_loaded_by_nothing():
    assert problems(member("extras", {"lib/bash/x": PLUGIN}, plugins=[("lib/bash/*", "bash")])) == []


def test_a_file_that_is_no_plugin_may_not():
    assert problems(member("extras", {"lib/bash/x": PLUGIN}), BASH) == [
        "extras 1.0-1: lib/bash/x imports bash_builtin (no version), which no library that it needs exports"
    ]


def test_a_harmless_change_looks_at_nothing_else():
    prover = Prover([jq(), oniguruma(), GLIBC])
    assert prove_change(prover, add=[oniguruma(revision=2, exports=["onig_new", "onig_free", "onig_more"])]).holds
    assert prover.checked == 1


def test_a_loss_looks_at_those_who_load_it():
    prover = Prover([jq(), oniguruma(), GLIBC, member("other", {"bin/other": ""})])
    assert not prove_change(prover, add=[oniguruma(revision=2, exports=["onig_free"])]).holds
    assert prover.checked == 2
    assert prove_change(prover, add=[oniguruma(revision=3)]).holds


def test_a_loss_is_seen_through_the_libraries_of_others():
    prover = Prover([jq(needs=["libonig.so.5"]), oniguruma(), GLIBC])
    proof = prove_change(prover, remove=["glibc"])
    assert [problem.message for problem in proof.problems] == [
        "oniguruma 6.9.9-1: lib/libonig.so.5 needs libc.so.6, which no package of the set provides"
    ]
    assert prove_change(prover, add=[GLIBC]).holds


EXTRAS = member("extras", {"lib/bash/x": PLUGIN}, plugins=[("lib/bash/*", "bash")])


def owner_of_private(directory):
    files = {"lib/liba.so.1": elf(soname="liba.so.1", needs=["libp.so.1"], rpath=[f"/usr/lib/{directory}"])}
    private = {f"lib/{place}/libp.so.1": elf(soname="libp.so.1", exports=exports)
               for place, exports in (("one", ["g"]), ("two", []))}  # fmt: skip
    return member("liba", files | private)


# Each a set that holds, and one member of it that takes something from another, unchanged member.
LOSSES = {
    "a library": ([program(needs=["liba.so.1"]), library("liba.so.1")], member("liba")),
    "a symbol": (
        [program(needs=["liba.so.1"], imports=["g"]), library("liba.so.1", exports=["g"])],
        library("liba.so.1"),
    ),
    "a symbol behind another library": (
        [
            program(needs=["libb.so.1"], imports=["g"]),
            library("libb.so.1", needs=["liba.so.1"]),
            library("liba.so.1", exports=["g"]),
        ],
        library("liba.so.1"),
    ),
    "a needed library": (
        [
            program(needs=["libb.so.1"], imports=["g"]),
            library("libb.so.1", needs=["liba.so.1"]),
            library("liba.so.1", exports=["g"]),
        ],
        library("libb.so.1"),
    ),
    "a version": (
        [program(needs=["liba.so.1"], demands=["liba.so.1@V2"]), library("liba.so.1", defines=["V1", "V2"])],
        library("liba.so.1", defines=["V1"]),
    ),
    "the lack of versions": (
        [program(needs=["liba.so.1"], demands=["liba.so.1@V2"]), library("liba.so.1")],
        library("liba.so.1", defines=["V1"]),
    ),
    "a search path": (
        [program(needs=["liba.so.1"], imports=["g"]), owner_of_private("one")],
        owner_of_private("two"),
    ),
    "the machine": (
        [program(needs=["liba.so.1"]), library("liba.so.1")],
        library("liba.so.1", machine="aarch64"),
    ),
    "a loader's symbol": ([EXTRAS, BASH], member("bash", {"bin/bash": elf()})),
    "a symbol of a loader's library": (
        [
            EXTRAS,
            member("bash", {"bin/bash": elf(needs=["libr.so.1"])}),
            library("libr.so.1", exports=["bash_builtin"]),
        ],
        library("libr.so.1"),
    ),
    "precedence": (
        [
            member("tool", requires=["command:grep"]),
            member("grep", {"bin/grep": ""}, replaces=["busybox"]),
            member("busybox", {"bin/grep": ""}),
        ],
        member("grep", {"bin/grep": ""}),
    ),
    "a command": ([member("tool", requires=["command:grep"]), member("grep", {"bin/grep": ""})], member("grep")),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_what_another_member_loses_by_a_change_is_found_and_found_again_when_it_is_back(loss):
    start, change = LOSSES[loss]
    prover = Prover(start)
    assert prover.proof.holds
    proof = prove_change(prover, add=[change])
    victim = start[0].name
    assert any(victim in problem.packages for problem in proof.problems)
    assert proof == prove(changed(the_set(*start), add=[change]))
    assert prove_change(prover, add=start[1:]).holds


def test_a_version_that_is_demanded_of_a_library_without_any_is_only_a_warning():
    assert problems(program(needs=["liba.so.1"], demands=["liba.so.1@V2"]), library("liba.so.1")) == []


def test_a_library_that_comes_fills_the_hole_for_those_behind_it():
    prover = Prover([program(needs=["liba.so.1"], imports=["g"]), library("liba.so.1", needs=["libb.so.1"])])
    assert [problem.code for problem in prover.proof.problems] == ["missing-soname"]
    assert [problem.code for problem in prove_change(prover, add=[library("libb.so.1")]).problems] == ["missing-symbol"]


def test_problems_can_be_kept_as_json():
    (problem,) = prove(the_set(jq(), oniguruma(exports=()), GLIBC)).problems
    assert problem.to_dict() == {
        "code": "missing-symbol",
        "message": problem.message,
        "packages": ["jq", "oniguruma"],
        "details": {
            "package": "jq 1.7.1-1",
            "file": "bin/jq",
            "symbol": "onig_new",
            "version": "",
            "libraries": (("libonig.so.5", "oniguruma 6.9.9-1"),),
            "loader": "",
        },
    }


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_members_does_not_matter(order):
    members = [jq(), oniguruma(exports=()), GLIBC, member("a", {"bin/jq": ""})][::order]
    assert prove(the_set(*members)) == prove(the_set(*reversed(members)))
    assert the_set(*members) == the_set(*reversed(members))


class TestWhatLiesInALibrarysPlace:
    USER = member("user", {"bin/user": elf(needs=["liba.so"], imports=["x"], runpath=["/usr/lib/first"], kind="pie")})
    LIBRARY = member("a", {"lib/liba.so": elf(soname="liba.so", exports=["x"])})
    WORSE = elf(soname="liba.so")

    @pytest.mark.parametrize(
        ("found", "said"),
        [
            ("text", "needs liba.so, and finds lib/first/liba.so of other 1.0-2, which is not a library"),
            (elf(kind="pie"), "needs liba.so, and finds lib/first/liba.so of other 1.0-2, which is a program"),
            (WORSE, "imports x (no version) from liba.so, which other 1.0-2 does not export"),
            ("-> ../deep/libreal.so", "imports x (no version) from liba.so, which other 1.0-2 does not export"),
        ],
        ids=["text", "program", "library", "link"],
    )
    def test_what_a_change_puts_before_it_is_seen(self, found, said):
        deep = {"lib/deep/libreal.so": self.WORSE}
        prover = Prover([self.USER, self.LIBRARY, member("other", deep)])
        assert prover.proof.holds
        (problem,) = prove_change(
            prover, add=[member("other", deep | {"lib/first/liba.so": found}, revision=2)]
        ).problems
        assert problem.message == f"user 1.0-1: bin/user {said}"
        assert prove_change(prover, add=[member("other", deep, revision=3)]).holds

    def test_a_change_of_what_a_link_leads_to_is_seen(self):
        files = {"lib/good/liba.so": elf(soname="liba.so", exports=["x"]), "lib/bad/liba.so": self.WORSE}
        prover = Prover([self.USER, self.LIBRARY, member("other", files | {"lib/first": "-> good"})])
        assert prover.proof.holds
        (problem,) = prove_change(prover, add=[member("other", files | {"lib/first": "-> bad"})]).problems
        assert problem.packages == ("user", "other")

    def test_a_directory_that_a_path_goes_down_into_is_seen(self):
        path = ["/usr/lib/between/../first"]
        user = member("user", {"bin/user": elf(needs=["liba.so"], imports=["x"], runpath=path, kind="pie")})
        worse = {"lib/first/liba.so": self.WORSE}
        prover = Prover([user, self.LIBRARY, member("first", worse)])
        assert prover.proof.holds
        between = [member("between", {"lib/between/x": ""}), member("second", {"lib/between/y": ""})]
        assert not prove_change(prover, add=between).holds
        # With one package alone it is a link to that package, where no other package has a file.
        assert prove_change(prover, remove=["second"]).holds
        assert not prove_change(prover, add=[member("first", worse | {"lib/between/z": ""})], remove=["between"]).holds

    def test_a_note_is_not_lost_with_a_program_that_does_not_start(self):
        library = {"lib/liba.so": elf(soname="liba.so", exports=["x"], imports=["kept"])}
        program = elf(needs=["liba.so"], imports=["x"], exports=["kept"], kind="pie")
        broken = elf(needs=["liba.so"], copies=[("kept", "", "", 8)], exports=["kept"], kind="pie")
        (note,) = prove(the_set(member("a", library), member("p", {"bin/p": program}))).notes
        assert note.message == "a 1.0-1: lib/liba.so finds kept only where bin/p of the set loads it, not by itself"
        assert problems(member("a", library), member("p", {"bin/p": broken})) == [
            "a 1.0-1: lib/liba.so imports kept (no version), which no library that it needs exports",
            "p 1.0-1: bin/p copies kept (no version) from liba.so, which a 1.0-1 does not export",
        ]
        assert len(problems(member("a", library))) == 1

    def test_the_program_is_named_also_where_only_its_plugin_loads_the_library(self):
        library = member("a", {"lib/liba.so": elf(soname="liba.so", exports=["x"], imports=["kept"])})
        program = member("p", {"bin/p": elf(exports=["kept"], kind="pie")})
        plugin = member("q", {"lib/p/x.so": elf(needs=["liba.so"], imports=["x"])}, plugins=[("lib/p/*.so", "p")])
        proof = prove(the_set(library, program, plugin))
        assert proof.holds
        assert [note.message for note in proof.notes] == [
            "a 1.0-1: lib/liba.so finds kept only where bin/p of the set loads it, not by itself"
        ]

    def test_a_program_that_comes_later_is_looked_at(self):
        library = {"lib/liba.so": elf(soname="liba.so", exports=["x"], imports=["kept"])}
        first = elf(needs=["liba.so"], exports=["kept"], kind="pie")
        prover = Prover([member("a", library), member("p", {"bin/p": first})])
        assert prover.proof.holds
        (problem,) = prove_change(prover, add=[member("q", {"bin/q": elf(needs=["liba.so"], kind="pie")})]).problems
        assert problem.message == ("a 1.0-1: lib/liba.so imports kept (no version), which its loader q does not export")
