"""What a proof reports as checked, and as not checked."""

from farm.core.package.elf.facts import ImportedSymbol
from farm.core.package.facts import PackageFacts
from farm.core.sets.proof.proof import ProofScope, called_commands
from farm.core.sets.proof.prover import Prover, prove
from tests.core.sets.values import GLIBC, elf, jq, member, oniguruma, prove_change, the_set


def test_all_kinds_are_counted_and_told_apart() -> None:
    program = elf(
        needs=["libonig.so.5"],
        imports=[ImportedSymbol("onig_new", symbol_class="function"), "onig_free"],
        weak=["__gmon_start__"],
        copies=[("onig_data", "", "", 4)],
    )
    tool = member("tool", {"bin/tool": program, "bin/wrap": "text"}, scripts=[("bin/wrap", "command:tool", ("sed",))])
    scope = ProofScope.of(tool)
    assert (scope.proven, scope.not_judged, scope.not_looked_at) == (
        "1 package: 1 needed library, 2 symbols, 1 copied variable, 1 interpreter and 2 paths",
        "",
        "1 symbol whose class no file says, 1 weak symbol and 1 command that a script calls",
    )


def test_a_variant_that_no_loader_looks_for_is_not_looked_at() -> None:
    files = {
        f"lib/glibc-hwcaps/{level}/liba.so": elf(soname="liba.so", exports=["x"]) for level in ("zzz", "x86-64-v3")
    }
    scope = ProofScope.of(member("a", files))
    assert scope.not_looked_at == "1 library that no loader looks for"


def test_commands_that_scripts_call_are_named_what_nobody_has_first() -> None:
    tool = member("tool", {"bin/wrap": "text"}, scripts=[("bin/wrap", "command:sh", ("jq", "sed"))])
    other = member("other", {"bin/other": "text"}, scripts=[("bin/other", "command:sh", ("sed",))])
    assert [command.to_dict() for command in called_commands([tool, other, jq()])] == [
        {"command": "sed", "packages": ["other 1.0-1", "tool 1.0-1"], "provided": False},
        {"command": "jq", "packages": ["tool 1.0-1"], "provided": True},
    ]


def test_what_old_facts_lack_is_not_judged_and_never_proven() -> None:
    old = PackageFacts.from_json(b'{"commands":[],"elf":[],"format":1,"headers":[],"pkg-config":[],"scripts":[],'
                                 b'"static-libraries":[]}')  # fmt: skip
    plain = member("plain", {"share/x": ""})
    scope = ProofScope.of(type(plain)(plain.descriptor, old))
    assert scope.summary == (
        "1 package: nothing to prove; "
        "not judged: 1 package whose facts are of an older farm: copied variables, classes, links, modules"
    )


def test_the_scope_of_a_set_is_the_sum_and_follows_its_changes() -> None:
    members = [jq(), oniguruma(), GLIBC]
    expected = ProofScope()
    for package in members:
        expected = expected.plus(ProofScope.of(package))
    assert prove(the_set(*members)).scope == expected
    assert expected.packages == 3
    prover = Prover(members)
    prove_change(prover, remove=["jq"], add=[member("other", {"share/other": ""})])
    assert prover.proof.scope == prove(the_set(oniguruma(), GLIBC, member("other", {"share/other": ""}))).scope
    assert prover.proof.scope != expected


def test_a_line_has_the_first_note_of_each_kind() -> None:
    old = {"lib/liba.so.1": elf(soname="liba.so.1", exports=["f"], defines=[])}
    users = {f"bin/user{n}": elf(needs=["liba.so.1"], imports=["f@V1@liba.so.1"], demands=["liba.so.1@V1"])
             for n in (1, 2)}  # fmt: skip
    proof = prove(the_set(member("a", old), member("users", users)))
    assert proof.holds
    assert proof.summary.endswith(
        "; note: users 1.0-1: bin/user1 needs versions of liba.so.1, and that of a 1.0-1 has none: "
        "the loader warns of it at each start (and 1 more like it)"
    )


def test_nothing_at_all_is_said_to_be_nothing() -> None:
    assert prove(the_set(member("empty"))).summary == "1 package: nothing to prove"
