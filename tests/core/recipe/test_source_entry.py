"""One more file in `source`, whatever the layout of the recipe: nothing else of its text changes."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from farm.core.recipe.source_entry import with_source_file
from tests.refusing import refuses

SINGLE = """\
name: jq  # a comment
source:            # one archive
  # where it comes from
  url: https://example.org/jq.tar.gz

  sha256: abc      # announced
  origins:
    - debian: jq   # the same bytes
# about the steps
steps: [make]
"""
LIST = """\
source:
- url: a
  sha256: b
- file: one.patch   # why

# next
steps: []
"""


def test_a_single_source_becomes_the_first_of_a_list_with_its_comments() -> None:
    assert with_source_file(SINGLE.encode(), "fix.patch").decode() == (
        """\
name: jq  # a comment
source:            # one archive
  # where it comes from
  - url: https://example.org/jq.tar.gz

    sha256: abc      # announced
    origins:
      - debian: jq   # the same bytes
  - file: fix.patch
# about the steps
steps: [make]
"""
    )


def test_a_list_gets_one_more_item_in_its_own_layout() -> None:
    assert with_source_file(LIST.encode(), "fix.patch").decode() == LIST.replace(
        "# why\n", "# why\n- file: fix.patch\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("source: {url: a, sha256: b}  # x\n", "source: [{url: a, sha256: b}, {file: fix.patch}]  # x\n"),
        ("source: [{file: a}]\n", "source: [{file: a}, {file: fix.patch}]\n"),
        ("source: [\n  {file: a},  # x\n]\n", "source: [\n  {file: a}, {file: fix.patch},  # x\n]\n"),
        ("source:\n  - {file: a}", "source:\n  - {file: a}\n  - file: fix.patch\n"),
        ("source:\r\n  file: a\r\nname: x\r\n", "source:\r\n  - file: a\r\n  - file: fix.patch\r\nname: x\r\n"),
        ("source:\n    file: ü\n", "source:\n    - file: ü\n    - file: fix.patch\n"),
    ],
)
def test_every_other_layout_stays_too(before: str, after: str) -> None:
    assert with_source_file(before.encode(), "fix.patch").decode() == after


def test_a_recipe_without_sources_has_nothing_to_patch() -> None:
    with refuses("no-sources"):
        with_source_file(b"name: x\n", "fix.patch")


VALUES = st.sampled_from(["a", '"b: c"', "'#'", "{x: y}", "[1, 2]"])
KEYS = st.sampled_from(["url", "sha256", "file", "unpack"])
ITEM = st.lists(st.tuples(KEYS, VALUES), min_size=1, max_size=3, unique_by=lambda pair: pair[0])
COMMENTS = st.sampled_from(["", "  # note", "\n\n# line"])


@given(st.lists(ITEM, min_size=1, max_size=3), st.booleans(), st.integers(0, 4), COMMENTS)
def test_what_the_text_says_is_what_it_said_and_the_file(
    items: list[list[tuple[str, str]]], is_list: bool, indent: int, comment: str
) -> None:
    lead = " " * indent
    if is_list:
        lines = []
        for item in items:
            for number, (key, value) in enumerate(item):
                lines.append(f"{lead}{'- ' if number == 0 else '  '}{key}: {value}{comment}")
    else:
        lead = lead or " "
        lines = [f"{lead}{key}: {value}{comment}" for key, value in items[0]]
    text = "name: x\nsource:\n" + "\n".join(lines) + "\nsteps: [a]\n"
    before, after = yaml.safe_load(text), yaml.safe_load(with_source_file(text.encode(), "fix.patch"))
    sources = before["source"] if isinstance(before["source"], list) else [before["source"]]
    assert after == {**before, "source": [*sources, {"file": "fix.patch"}]}
