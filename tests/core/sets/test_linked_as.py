"""Symbols that exist and do not match, what a file may open while it runs, and what is only a note."""

from dataclasses import replace

import pytest

from farm.core.package.elf.details import DlopenNote
from farm.core.package.elf.facts import ImportedSymbol, Symbol
from farm.core.sets.proof.prover import Prover, prove
from tests.core.sets.values import elf, member, prove_change, the_set


def found(*members):
    return [problem.message for problem in prove(the_set(*members)).problems]


def notes(*members):
    proof = prove(the_set(*members))
    assert proof.holds
    return [note.message for note in proof.notes]


def readline(*exports, **more):
    return member("readline", {"lib/libreadline.so.8": elf(soname="libreadline.so.8", exports=exports)}, **more)


def variable(name, version="", size=8, **more):
    return Symbol(name, version, "object", size=size, **more)


BASH = member("bash", {"bin/bash": elf(
    needs=["libreadline.so.8"], copies=[("rl_readline_name", "", "", 8)], exports=[variable("rl_readline_name")],
)})  # fmt: skip


class TestCopies:
    def test_a_variable_that_is_there_is_copied(self):
        assert found(BASH, readline(variable("rl_readline_name"))) == []

    def test_a_programs_own_copy_does_not_satisfy_it(self):
        assert found(BASH, readline(revision=2)) == [
            (
                "bash 1.0-1: bin/bash copies rl_readline_name (no version) from libreadline.so.8, "
                "which readline 1.0-2 does not export"
            )
        ]

    def test_its_copy_satisfies_the_libraries_of_others(self):
        user = {
            "lib/libuser.so.1": elf(soname="libuser.so.1", needs=["libreadline.so.8"], imports=["rl_readline_name"])
        }
        assert found(BASH, readline(variable("rl_readline_name")), member("user", user)) == []

    def test_a_version_is_compared_as_for_any_import(self):
        versioned = elf(needs=["libreadline.so.8"], copies=[("v", "V1", "libreadline.so.8", 8)])
        program = member("program", {"bin/program": versioned})
        assert found(program, readline(variable("v", "V1"))) == []
        assert found(program, readline(variable("v"))) == []
        assert found(program, readline(variable("v", "V2"))) == [
            (
                "program 1.0-1: bin/program copies v (version V1) from libreadline.so.8, "
                "which readline 1.0-1 does not export"
            )
        ]

    def test_a_change_of_the_library_is_seen(self):
        prover = Prover([BASH, readline(variable("rl_readline_name"))])
        assert prover.proof.holds
        assert not prove_change(prover, add=[readline(revision=2)]).holds
        assert prove_change(prover, add=[readline(variable("rl_readline_name"), revision=3)]).holds

    @pytest.mark.parametrize(
        ("symbol", "code", "said"),
        [
            (variable("rl_readline_name", size=16), "size-mismatch", "copies 8 bytes of rl_readline_name"),
            (variable("rl_readline_name", protected=True), "protected-copy", "it is protected"),
            (Symbol("rl_readline_name", "", "function"), "class-mismatch", "it is a function"),
            (Symbol("rl_readline_name", "", "tls", size=8), "class-mismatch", "it is a thread-local variable"),
        ],
    )
    def test_what_it_copies_has_to_be_what_it_was(self, symbol, code, said):
        (problem,) = prove(the_set(BASH, readline(symbol))).problems
        assert (problem.code, problem.packages) == (code, ("bash", "readline"))
        assert said in problem.message
        assert "bin/bash" in problem.message

    def test_of_a_library_with_old_facts_neither_size_nor_class_is_judged(self):
        old = {"lib/libreadline.so.8": elf(soname="libreadline.so.8", exports=["rl_readline_name"], old=True)}
        assert found(BASH, member("readline", old)) == []


class TestClasses:
    @pytest.mark.parametrize(
        ("wanted", "exported", "fits"),
        [
            ("function", "function", True),
            ("function", "object", False),
            ("function", "tls", False),
            ("object", "function", False),
            ("object", "object", True),
            ("tls", "object", False),
            ("tls", "tls", True),
            ("function", "", True),
            ("object", "", True),
            ("", "object", True),
        ],
    )
    @pytest.mark.parametrize("version", ["", "V1"])
    def test_importer_and_exporter_have_to_agree(self, wanted, exported, version, *, fits):
        library = {"lib/liba.so.1": elf(soname="liba.so.1", exports=[Symbol("x", version, exported)], defines=["V1"])}
        imports = [ImportedSymbol("x", version, "liba.so.1" if version else "", symbol_class=wanted)]
        program = {"bin/p": elf(needs=["liba.so.1"], imports=imports)}
        problems = prove(the_set(member("a", library), member("p", program))).problems
        assert [problem.code for problem in problems] == ([] if fits else ["class-mismatch"])

    def test_both_sides_are_named(self):
        library = {"lib/liba.so.1": elf(soname="liba.so.1", exports=[variable("x")])}
        program = {"bin/p": elf(needs=["liba.so.1"], imports=[ImportedSymbol("x", symbol_class="function")])}
        assert found(member("a", library), member("p", program)) == [
            "p 1.0-1: bin/p uses x of liba.so.1 as a function, and in a 1.0-1 it is a variable"
        ]

    def test_a_thread_local_variable_of_another_name_changes_nothing(self):
        imports = [ImportedSymbol("x", symbol_class="function")]
        user = member("user", {"lib/libuser.so": elf(soname="libuser.so", needs=["liba.so.1"], imports=imports)})
        # Where in doubt about a class all loaded libraries are looked at, and this second `x` is noted.
        behind = member("b", {"lib/libb.so.1": elf(soname="libb.so.1", exports=["x"])})

        def proof(*more):
            library = elf(soname="liba.so.1", needs=["libb.so.1"], exports=[Symbol("x", "", "function"), *more])
            return prove(the_set(user, member("a", {"lib/liba.so.1": library}), behind))

        assert proof(Symbol("other", "", "tls", size=8)) == proof()

    def test_a_change_of_class_alone_is_seen(self):
        program = {"bin/p": elf(needs=["liba.so.1"], imports=[ImportedSymbol("x", symbol_class="function")])}

        def library(symbol):
            return member("a", {"lib/liba.so.1": elf(soname="liba.so.1", exports=[symbol])})

        prover = Prover([library(Symbol("x", "", "function")), member("p", program)])
        assert prover.proof.holds
        assert not prove_change(prover, add=[library(variable("x"))]).holds


class TestWhatItMayOpen:
    @staticmethod
    def opener(priority, *sonames):
        return member("p", {"bin/p": elf(dlopen=(DlopenNote(sonames, "speech", priority),), kind="pie")})

    def test_what_it_has_to_open_has_to_be_there(self):
        assert found(self.opener("required", "liba.so.1")) == [
            "p 1.0-1: bin/p needs liba.so.1, which no package of the set provides"
        ]
        assert self.opener("required", "liba.so.1").requires == ("soname:liba.so.1",)

    def test_one_of_several_will_do(self):
        opener = self.opener("required", "liba.so.2", "liba.so.1")
        assert opener.requires == ()
        assert found(opener, member("a", {"lib/liba.so.1": elf(soname="liba.so.1")})) == []
        assert len(found(opener)) == 1

    def test_what_is_recommended_is_worth_a_note_and_a_suggestion_is_not(self):
        assert notes(self.opener("recommended", "liba.so.2", "liba.so.1")) == [
            "p 1.0-1: bin/p may open liba.so.2 or liba.so.1 for speech, which no package of the set provides"
        ]
        assert notes(self.opener("suggested", "liba.so.1")) == []

    def test_what_comes_later_is_seen(self):
        prover = Prover([self.opener("recommended", "liba.so.1"), member("b", {"share/b": ""})])
        assert len(prover.proof.notes) == 1
        assert prove_change(prover, add=[member("a", {"lib/liba.so.1": elf(soname="liba.so.1")})]).notes == ()


class TestNotes:
    LIBRARIES = (
        member("a", {"lib/liba.so.1": elf(soname="liba.so.1", exports=["x"])}),
        member("b", {"lib/libb.so.1": elf(soname="libb.so.1", exports=["x", "y"])}),
    )

    def test_an_interposed_symbol_is_told_with_both_files(self):
        program = member("p", {"bin/p": elf(needs=["liba.so.1", "libb.so.1"], imports=["x", "y"])})
        assert notes(program, *self.LIBRARIES) == [
            "p 1.0-1: bin/p imports x, and takes it from lib/liba.so.1 of a 1.0-1, not from lib/libb.so.1 of b 1.0-1"
        ]

    def test_what_a_program_exports_comes_before_all_libraries(self):
        program = member("p", {"bin/p": elf(needs=["liba.so.1", "libc.so.1"], exports=["x"], kind="pie")})
        third = member("c", {"lib/libc.so.1": elf(soname="libc.so.1", needs=["liba.so.1"], imports=["x"])})
        assert notes(program, third, self.LIBRARIES[0]) == [
            "c 1.0-1: lib/libc.so.1 imports x, and takes it from bin/p of p 1.0-1, not from lib/liba.so.1 of a 1.0-1"
        ]

    def test_a_copy_is_meant_to_be_taken(self):
        program = elf(needs=["liba.so.1", "libc.so.1"], exports=[variable("x")], copies=[("x", "", "", 8)])
        library = elf(soname="liba.so.1", exports=[variable("x")])
        third = elf(soname="libc.so.1", needs=["liba.so.1"], imports=["x"])
        files = {"bin/p": program, "lib/liba.so.1": library, "lib/libc.so.1": third}
        assert notes(member("p", files)) == []

    def test_what_an_old_program_imports_and_exports_counts_as_its_copy(self):
        plain = elf(needs=["liba.so.1", "libc.so.1"], exports=["x"], imports=["x"], old=True)
        program = replace(plain, interpreter="/usr/lib/ld.so")
        third = elf(soname="libc.so.1", needs=["liba.so.1"], imports=["x"])
        files = {"bin/p": program, "lib/ld.so": elf(soname="ld.so"), "lib/libc.so.1": third}
        assert notes(member("p", files), self.LIBRARIES[0]) == []

    def test_they_follow_the_revisions_of_others(self):
        program = member("p", {"bin/p": elf(needs=["liba.so.1", "libb.so.1"], imports=["x"])})
        prover = Prover([program, *self.LIBRARIES])
        newer = member("b", {"lib/libb.so.1": elf(soname="libb.so.1", exports=["x", "y"])}, revision=2)
        (note,) = prove_change(prover, add=[newer]).notes
        assert "of b 1.0-2" in note.message
        assert note.packages == ("p", "a", "b")


class TestVariants:
    PROGRAM = member("p", {"bin/p": elf(needs=["liba.so.1"], imports=["x"])})

    @staticmethod
    def library(**variant):
        files = {"lib/liba.so.1": elf(soname="liba.so.1", exports=["x"])}
        return member("a", files | {"lib/glibc-hwcaps/x86-64-v3/liba.so.1": elf(soname="liba.so.1", **variant)})

    def test_a_variant_has_to_do_for_the_same_users(self):
        assert found(self.PROGRAM, self.library(exports=["x"])) == []
        assert found(self.PROGRAM, self.library()) == [
            "p 1.0-1: bin/p imports x (no version) from liba.so.1 (x86-64-v3), which a 1.0-1 does not export"
        ]

    def test_a_variant_has_to_find_what_it_needs(self):
        assert found(self.PROGRAM, self.library(exports=["x"], needs=["libnone.so"])) == [
            "a 1.0-1: lib/glibc-hwcaps/x86-64-v3/liba.so.1 needs libnone.so, which no package of the set provides"
        ]

    def test_a_variant_alone_is_no_library_for_all(self):
        alone = member("a", {"lib/glibc-hwcaps/x86-64-v3/liba.so.1": elf(soname="liba.so.1", exports=["x"])})
        assert found(self.PROGRAM, alone) == ["p 1.0-1: bin/p needs liba.so.1, which no package of the set provides"]


def test_a_version_of_what_is_not_loaded_ends_a_program_at_its_start():
    program = member("p", {"bin/p": elf(needs=["liba.so.1"], demands=["libb.so.1@V1"])})
    libraries = member("a", {"lib/liba.so.1": elf(soname="liba.so.1"), "lib/libb.so.1": elf(soname="libb.so.1")})
    assert found(program, libraries) == ["p 1.0-1: bin/p needs version V1 of libb.so.1, which is not loaded with it"]


def test_a_version_takes_one_of_several_exports_without():
    program = member("p", {"bin/p": elf(needs=["libreadline.so.8"], copies=[("kept", "V2", "libreadline.so.8", 8)])})
    assert found(program, readline(variable("kept"), Symbol("kept"))) == []
