from __future__ import annotations

import pytest

from farm.core.files.problems import RecipeError
from farm.core.policy.curators import read_curators
from farm.core.policy.tree import load_tree
from tests.core.recipe.test_tree import FILES

ALICE, BOB = "3f" * 32, "ab" * 32


def test_groups_of_people_are_read() -> None:
    text = f"curators: {{alice: {ALICE}, bob: {BOB}}}\nsecurity: {{alice: {ALICE}}}\n".encode()

    assert read_curators(text, "curators.yaml") == {
        "curators": {"alice": ALICE, "bob": BOB},
        "security": {"alice": ALICE},
    }


def test_a_key_of_digits_alone_counts_as_it_is_written() -> None:
    text = f"curators: {{alice: {'12' * 32}}}\n".encode()

    assert read_curators(text, "curators.yaml")["curators"]["alice"] == "12" * 32


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"curators: {{alice: {ALICE}, bob: {ALICE}}}\n", "curators.yaml:1:"),
        (f"curators: {{alice: {ALICE}, bob: {ALICE}}}\n", "bob and alice have the same key"),
        ("curators: {alice: 3f}\n", "64 lower-case hexadecimal digits"),
        (f"curators: {{alice: {ALICE.upper()}}}\n", "64 lower-case hexadecimal digits"),
        ("curators: [alice]\n", "the group curators should be a mapping"),
        (f"curators: {{Alice Smith: {ALICE}}}\n", "'Alice Smith' is not a name"),
    ],
)
def test_others_are_refused(text: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        read_curators(text.encode(), "curators.yaml")
    assert words in str(caught.value)


def test_a_tree_knows_its_curators_and_may_have_none() -> None:
    assert load_tree(FILES).curators == {}

    stable = b"from: edge\ngates: [proof, approvals]\n"
    with_people = {**FILES, "channels/stable.yaml": stable, "curators.yaml": f"curators: {{alice: {ALICE}}}\n".encode()}
    assert load_tree(with_people).curators == {"curators": {"alice": ALICE}}

    with pytest.raises(RecipeError, match="there is no group of curators named curators"):
        load_tree({**FILES, "channels/stable.yaml": stable})


def test_a_broken_file_of_curators_is_all_that_is_reported() -> None:
    stable = b"from: edge\ngates: [proof, approvals]\n"
    with pytest.raises(RecipeError) as caught:
        load_tree({**FILES, "channels/stable.yaml": stable, "curators.yaml": b"curators: {alice: x}\n"})
    assert "there is no group" not in str(caught.value)
