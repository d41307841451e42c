"""The YAML of the pages is read and linted as what it is an example of: keys of a recipe, a channel, or people."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from farm.core.lint.finding import Severity
from farm.core.lint.lint import lint_tree
from tests.core.lint.examples import named, tree

DOCS = Path(__file__).parents[2] / "docs"
FILES = {"gates": "channels/edge.yaml", "from": "channels/stable.yaml", "curators": "curators.yaml"}
"""Files of a tree, by the key that begins their example in curate.md; `distributions.yaml` has a digest left out."""
DISTRIBUTIONS = f"""\
other.example:
  address: https://other.example/repository
  channel: stable
  root: sha256:{"0" * 64}
"""
_BLOCK = re.compile(r"^```yaml\n(?!# [\w./-]+\n)(?:#.*\n)*(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(page: str) -> list[str]:
    """Return the YAML blocks of a page that are not files of a walk."""
    found: list[str] = _BLOCK.findall((DOCS / page).read_text())
    return found


def findings(files: dict[str, bytes]) -> list[str]:
    return [finding.in_a_line() for finding in lint_tree(files).findings]


def errors(recipe: str) -> list[str]:
    """Lint a complete recipe, whose digests are left out, for errors alone: an example leaves more out."""
    name = recipe.partition("\n")[0].removeprefix("name: ")
    text = recipe.replace("0" * 64, "1" * 64).encode()
    found = lint_tree(tree() | {f"packages/{name}/recipe.yaml": text}).findings
    return [finding.in_a_line() for finding in found if finding.severity is Severity.ERROR]


def linted(keys: str) -> list[str]:
    """Lint a recipe with these keys in place of its own."""
    files = tree(keys, jq=named("jq", 'version: "1.7.1"\n'), oniguruma=named("oniguruma", 'version: "6.9.9"\n'))
    return findings(files | {"distributions.yaml": DISTRIBUTIONS.encode()})


@pytest.mark.parametrize("keys", examples("recipes.md"), ids=lambda keys: keys.partition(":")[0])
def test_an_example_of_a_recipe_s_keys_has_no_finding(keys: str) -> None:
    assert (errors(keys) if keys.startswith("name:") and "\nsteps:" in keys else linted(keys)) == []


def test_the_examples_of_channels_and_of_their_people_have_no_finding() -> None:
    texts = {FILES.get(text.partition(":")[0]): text.encode() for text in examples("curate.md")}
    written = {path: text for path, text in texts.items() if path}
    assert sorted(written) == sorted(FILES.values())
    assert findings(tree(openssl=named("openssl"), curl=named("curl")) | written) == []


def test_an_example_that_is_wrong_is_noticed() -> None:
    assert len(examples("recipes.md")) >= 3
    assert linted("hardening:\n  waive:\n    - {property: bindnow, files: lib/x/*.so, reason: None}\n") != []
