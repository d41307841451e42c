"""Who owns a recipe: the last matching line, with people whom `curators.yaml` names; errors have their position."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.files.problems import RecipeError
from farm.core.policy.curators import unambiguous_keys
from farm.core.policy.owners import MOST_GLOBS, MOST_LINES, MOST_OWNERS, OwnerRule, Owners, read_owners
from farm.core.policy.tree import load_tree
from farm.core.recipe.declared_sources import digest_of_files
from tests.core.recipe.test_tree import FILES

ALICE, BOB, CAROL = "3f" * 32, "ab" * 32, "cd" * 32
PEOPLE = {"curators": {"alice": ALICE, "bob": BOB}, "security": {"carol": CAROL, "alice": ALICE}}


def owners(text: str, recipe: str) -> dict[str, str]:
    return dict(read_owners(text.encode(), PEOPLE).owners_of(recipe))


def test_the_last_line_that_matches_decides() -> None:
    text = "# who owns what\n\n*        @curators  # all of them\npython*  carol bob\nopenssl  @security\n"
    assert owners(text, "jq") == {"alice": ALICE, "bob": BOB}
    assert owners(text, "python") == owners(text, "python-tests") == {"carol": CAROL, "bob": BOB}
    assert owners(text, "openssl") == {"carol": CAROL, "alice": ALICE}
    rule = read_owners(text.encode(), PEOPLE).rule_for("openssl")
    assert rule is not None
    assert (rule.line, rule.named) == (5, ("@security",))


def test_what_no_line_matches_is_nobodys() -> None:
    assert owners("python* alice\n", "jq") == {}
    assert owners("", "jq") == {}


@pytest.mark.parametrize(
    ("pattern", "matched", "passed_over"),
    [
        ("lib?", ["liba"], ["lib", "libab"]),
        ("a.b", ["a.b"], ["axb"]),
        ("*-c++", ["x-c++"], ["x-c", "x-cc"]),
        ("a*b*c", ["abc", "axbxc"], ["abcd"]),
    ],
)
def test_patterns_are_globs_over_whole_names(pattern: str, matched: list[str], passed_over: list[str]) -> None:
    assert all(owners(f"{pattern} alice", name) for name in matched)
    assert not any(owners(f"{pattern} alice", name) for name in passed_over)


NAMES = st.text("ab", min_size=1, max_size=3)


@given(st.lists(st.text("ab*?", min_size=1, max_size=3), max_size=8, unique=True), NAMES)
def test_the_last_pattern_that_matches_is_found_wherever_it_stands(patterns: list[str], name: str) -> None:
    lines = [OwnerRule(pattern, ("alice",), {"alice": ALICE}, line) for line, pattern in enumerate(patterns, 1)]
    matching = [rule for rule in lines if fnmatchcase(name, rule.pattern)]
    assert Owners(tuple(lines)).rule_for(name) == (matching[-1] if matching else None)


def test_a_name_is_not_compared_with_every_line() -> None:
    compared = []

    class Name(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            compared.append(other)
            return str.__eq__(self, other)

    many = read_owners("\n".join(f"a{number} alice" for number in range(1000)).encode(), PEOPLE)
    rule = many.rule_for(Name("a1"))
    assert rule is not None
    assert rule.line == 2
    assert len(compared) < 10


def test_a_pattern_of_many_stars_costs_no_more_than_others() -> None:
    assert owners("*a" * 31 + "b alice", "a" * 63) == {}


@pytest.mark.parametrize(
    ("text", "place", "words", "remedy"),
    [
        ("* alise\n", "OWNERS:1:3", "curators.yaml names nobody 'alise'", "Did you mean alice?"),
        ("* @curator\n", "OWNERS:1:3", "there is no group '@curator'", "Did you mean @curators?"),
        ("* curators\n", "OWNERS:1:3", "curators.yaml names nobody 'curators'", "Groups are written @curators."),
        ("a alice\n  Foo/bar  alice\n", "OWNERS:2:3", "'Foo/bar' is not a pattern", "Use a-z"),
        ("a alice\nb  # nobody\n", "OWNERS:2:1", "the line of 'b' names no owner", "Name a @group or a person."),
        ("a alice\n* bob\n", "OWNERS:1:1", "this line never decides: line 2 (*)", "put the general ones first"),
        ("a alice\nb bob\na bob\n", "OWNERS:1:1", "this line never decides: line 3 (a)", "The last line"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_remedy(text: str, place: str, words: str, remedy: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_owners(text.encode(), PEOPLE)
    (problem,) = caught.value.problems
    assert str(problem.place) == place
    assert words in problem.message
    assert remedy in problem.remedy


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        read_owners(b"* alise @nobody\nA alice\n", PEOPLE)
    assert [(problem.place.line, problem.place.column) for problem in caught.value.problems] == [(1, 3), (1, 9), (2, 1)]


def test_who_has_two_keys_owns_nothing_before_that_is_settled() -> None:
    people = {"one": {"alice": ALICE}, "two": {"alice": BOB}, "none": {}}
    for line in ("* alice\n", "* @one @two\n"):
        with pytest.raises(RecipeError, match="alice has another key in another group"):
            read_owners(line.encode(), people)
    with pytest.raises(RecipeError, match="nobody is in the group @none"):
        read_owners(b"* @none\n", people)
    assert unambiguous_keys(people) == {}
    assert unambiguous_keys(PEOPLE) == {"alice": ALICE, "bob": BOB, "carol": CAROL}


def test_the_file_has_bounds() -> None:
    many = "\n".join(f"a{number} alice" for number in range(MOST_LINES - 1)).encode()
    assert len(read_owners(many, PEOPLE).rules) == MOST_LINES - 1
    globs = "\n".join(f"a{number}* alice" for number in range(MOST_GLOBS + 1)).encode()
    for text in (many + b"\nb alice\n", globs, b"a" + b" alice" * (MOST_OWNERS + 1), b"#" * (1 << 20) + b"#"):
        with pytest.raises(RecipeError, match="is the most"):
            read_owners(text, PEOPLE)
    with pytest.raises(RecipeError, match=r"OWNERS:2:2: the file is not UTF-8"):
        read_owners(b"a alice\n#\xff", PEOPLE)


def test_a_tree_is_read_with_its_owners_and_may_have_none() -> None:
    assert load_tree(FILES).owners is None
    curators = f"curators: {{alice: {ALICE}}}\n".encode()
    found = load_tree({**FILES, "curators.yaml": curators, "OWNERS": b"* @curators\n"}).owners
    assert found is not None
    assert found.owners_of("jq") == {"alice": ALICE}
    with pytest.raises(RecipeError, match=r"OWNERS:1:3: there is no group '@curators'"):
        load_tree({**FILES, "OWNERS": b"* @curators\n"})
    with pytest.raises(RecipeError) as caught:
        load_tree({**FILES, "curators.yaml": b"curators: {alice: x}\n", "OWNERS": b"* @curators\n"})
    assert "OWNERS" not in str(caught.value)


def test_what_is_signed_is_the_recipe_and_the_files_that_it_names() -> None:
    text = b"name: a\nversion: 1.0\nsummary: A\nlicense: MIT\nsource: {file: a.c}\ntoolchain: c\nsteps: [x]\n"
    files = {"recipe.yaml": text, "a.c": b"int a;\n"}
    whole = digest_of_files(files, file="x")
    assert digest_of_files(files | {"notes": b"not named, and in no build"}, file="x") == whole
    assert digest_of_files(files | {"a.c": b"int b;\n"}, file="x") != whole
    assert digest_of_files(files | {"recipe.yaml": text + b"# more\n"}, file="x") != whole
