from __future__ import annotations

import ast
from pathlib import Path

import pytest

from script.mutations.drawing import NotFoundOnceError, all_mutations, candidates, draw, placed
from script.mutations.named import NAMED, Named
from script.mutations.operators import sites
from script.mutations.runner import UnknownMutationError, chosen, parse_arguments
from script.mutations.subjects import LEFT_OUT, PER_SUBJECT, SUBJECTS, TESTS, Subject
from script.mutations.verdicts import MutationVerdict, Verdicts, basis_of

ROOT = Path(__file__).parents[2]


def read(module: str) -> str:
    return (ROOT / module).read_text(encoding="utf-8")


class TestTheTable:
    def test_every_named_mutation_still_has_its_place(self) -> None:
        """A change that moves such a decision updates its place in script/mutations/named.py."""
        for named in NAMED:
            mutation = placed(named, read)
            ast.parse(mutation.applied(read(named.module)))
            assert mutation.diff(read(named.module))

    def test_every_module_has_tests_that_are_there(self) -> None:
        modules = {module for subject in SUBJECTS for module in subject.modules} | {named.module for named in NAMED}
        assert TESTS.keys() == modules
        for module, tests in TESTS.items():
            assert (ROOT / module).is_file()
            assert all((ROOT / place).exists() for place in tests)

    def test_what_is_left_out_could_be_drawn_and_has_a_reason(self) -> None:
        names = {mutation.name for subject in SUBJECTS for mutation, _ in candidates(subject, read)}
        assert LEFT_OUT.keys() <= names
        assert all(LEFT_OUT.values())

    def test_as_many_are_drawn_of_each_subject_and_all_are_other_programs(self) -> None:
        mutations = all_mutations(ROOT)
        names = [mutation.name for mutation in mutations]
        assert len(set(names)) == len(names)
        for subject in SUBJECTS:
            drawn = [mutation for mutation in mutations if mutation.name.startswith(f"{subject.name}-")]
            assert len(drawn) >= PER_SUBJECT
        for mutation in mutations:
            source = read(mutation.module)
            assert ast.dump(ast.parse(mutation.applied(source))) != ast.dump(ast.parse(source)), mutation.name


class TestNamed:
    def test_a_text_that_stands_nowhere_or_twice_is_refused(self) -> None:
        named = Named("lost", "leases", "farm/some.py", "nothing", "a < b", "a <= b")
        for source, count in (("", 0), ("a < b\na < b\n", 2)):
            with pytest.raises(NotFoundOnceError, match=rf"lost: its text stands {count} times in farm/some.py"):
                placed(named, lambda _, source=source: source)


SUBJECT = Subject("leases", ("a.py", "b.py"))
SOURCES = {
    "a.py": "def first(x: int) -> int:\n    if x < 3 and x != 1:\n        raise ValueError(x)\n    return x + 7\n",
    "b.py": "def second(y: int) -> bool:\n    y = abs(y)\n    return y > 5 or y in (1, 2)\n",
}


class TestDraw:
    def test_the_same_are_drawn_when_lines_come_before_and_modules_move(self) -> None:
        before = draw(SUBJECT, SOURCES.__getitem__, skipped=())
        moved = {f"room/{name}": f'"""New words."""\n\n\n{source}' for name, source in SOURCES.items()}
        after = draw(Subject("leases", tuple(moved)), moved.__getitem__, skipped=())
        assert [one.name for one in before] == [one.name for one in after]
        assert len(before) == 2

    def test_another_takes_the_place_of_one_that_is_left_out(self) -> None:
        first, *_ = draw(SUBJECT, SOURCES.__getitem__, skipped=())
        assert first.name not in {one.name for one in draw(SUBJECT, SOURCES.__getitem__, skipped=[first.name])}


class TestOperators:
    @pytest.mark.parametrize(
        ("statement", "operator", "changed"),
        [
            ("return a < b", "boundary", "return a <= b"),
            ("return (a) >= (b)", "boundary", "return (a) > (b)"),
            ("return a not in b", "comparison", "return a in b"),
            ("return a is b", "comparison", "return a is not b"),
            ("return a and b", "connective", "return a or b"),
            ("return 'ä' if a == b else 'ö'", "negation", "return 'ä' if not (a == b) else 'ö'"),
            ("return 'ä' + b[7]", "constant", "return 'ä' + b[8]"),
            ("return 'ä' + b[7]", "constant", "return 'ä' + b[6]"),
            ("raise ValueError(\n        a\n    )", "removal", "pass"),
            ("a.b = 'c'", "removal", "pass"),
            ("a.append(b)", "removal", "pass"),
        ],
    )
    def test_a_small_change_makes_another_program(self, statement: str, operator: str, changed: str) -> None:
        source = f"def function(a, b):\n    {statement}\n"
        made = [
            source[: site.start] + site.new + source[site.end :] for site in sites(source) if site.operator == operator
        ]
        assert f"def function(a, b):\n    {changed}\n" in made

    @pytest.mark.parametrize(
        ("returns", "left"), [("None", "return"), ("bool", "return False"), ("tuple[str, int]", "return ()")]
    )
    def test_a_function_is_left_early_with_nothing_found(self, returns: str, left: str) -> None:
        source = f'def function(a) -> {returns}:\n    """Say."""\n    b = a()\n    return b\n'
        (site,) = [site for site in sites(source) if site.operator == "early return"]
        assert source[: site.start] + site.new + source[site.end :] == source.replace(
            "    return b", f"    {left}\n    return b"
        )

    @pytest.mark.parametrize(
        "source",
        [
            "if TYPE_CHECKING:\n    a = 1 < 2\n",
            "def function(a: Literal[1]) -> Literal[2]:\n    pass\n",
            "@cache(1)\ndef function():\n    pass\n",
            "def function():\n    _LOG.info('so')\n",
            "a = f'{b[:7]}'\n",
            "class A:\n    def __init__(self):\n        self.a = 1\n",
            "def function() -> bool:\n    a = b()\n    return False\n",
            "a: bool = True\n",
        ],
    )
    def test_what_decides_nothing_is_left_alone(self, source: str) -> None:
        assert sites(source) == []


class TestArguments:
    def test_mutations_are_chosen_by_number_name_and_subject(self) -> None:
        mutations = all_mutations(ROOT)
        assert len(chosen(mutations, None)) == len(mutations)
        assert list(chosen(mutations, ["2", "total-limit"])) == ["total-limit", "imported-needs"]
        assert {one.subject for _, one in chosen(mutations, ["proof"]).values()} == {"proof"}
        with pytest.raises(UnknownMutationError, match="no mutation or subject nothing"):
            chosen(mutations, ["leases", "nothing"])

    def test_what_makes_no_sense_is_refused(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as left:
            parse_arguments(["--jobs", "0"])
        assert left.value.code == 2
        assert "usage: script/mutate" in capsys.readouterr().err


class TestVerdicts:
    def test_a_verdict_is_known_again_until_its_module_or_its_tests_change(self, tmp_path: Path) -> None:
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests" / "test_a.py").write_text("assert True")
        basis = basis_of(tmp_path, "a = 1", ["tests"])
        verdict = MutationVerdict("leases-1", basis, "tests/test_a.py::test_a", 0.5)
        Verdicts(tmp_path).keep(verdict)
        assert Verdicts(tmp_path).known("leases-1", basis) == verdict
        assert Verdicts(tmp_path).known("leases-2", basis) is None
        (tmp_path / "tests" / "test_b.py").write_text("assert True")
        assert basis != basis_of(tmp_path, "a = 1", ["tests"]) != basis_of(tmp_path, "a = 2", ["tests"])
