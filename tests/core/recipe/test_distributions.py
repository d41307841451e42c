from __future__ import annotations

import pytest

from farm.core.files.problems import RecipeError
from farm.core.names.digest import Digest
from farm.core.policy.tree import load_tree
from farm.core.recipe.distributions import OtherDistribution, read_distributions
from tests.core.recipe.examples import RECIPE
from tests.core.recipe.test_tree import FILES

ROOT = Digest.of(b"root")
TEXT = f"other.example:\n  address: https://other.example/dist\n  channel: stable\n  root: {ROOT}\n".encode()
NEEDY = RECIPE + b"requires: [other.example/openssl]\n"


def test_other_distributions_are_read() -> None:
    found = OtherDistribution("other.example", "https://other.example/dist", "stable", ROOT)
    assert read_distributions(TEXT, "distributions.yaml") == {"other.example": found}
    assert load_tree({**FILES, "distributions.yaml": TEXT}).distributions == {"other.example": found}
    assert load_tree(FILES).distributions == {}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("https:", "ftp:", "distributions.yaml:2:12"),
        ("https:", "ftp:", "is not an http or https URL"),
        ("https:", "ftp:", "Farms do not use ftp: name an https mirror; `origins` of a source can name others."),
        ("/dist", "/dist?mirror=1", "has a query or a fragment"),
        ("https://", "https://me:secret@", "cannot hold a user name or password"),
        (str(ROOT), "sha256:12", "distributions.yaml:4:9"),
        (str(ROOT), "sha256:12", "'sha256:12' is not a digest"),
        ("  channel: stable\n", "", "other.example lacks the key channel"),
        ("channel:", "chanel:", "has no key 'chanel'"),
        ("other.example:\n", "Other:\n", "distributions.yaml:1:1"),
        ("other.example:\n", "Other:\n", "'Other' is not a lower-case DNS name"),
        ("other.example:\n", "dist.example.org:\n", "is the distribution of this very tree"),
    ],
)
def test_others_are_refused_where_they_stand(before: str, after: str, words: str) -> None:
    text = TEXT.decode().replace(before, after)
    with pytest.raises(RecipeError) as caught:
        read_distributions(text.encode(), "distributions.yaml", own="dist.example.org")
    assert words in str(caught.value)


def test_a_list_is_no_mapping() -> None:
    with pytest.raises(RecipeError, match="should be a mapping"):
        read_distributions(b"[other.example]\n", "distributions.yaml")


def test_a_recipe_may_require_what_is_named_there() -> None:
    tree = load_tree({**FILES, "packages/jq/recipe.yaml": NEEDY, "distributions.yaml": TEXT})
    assert tree.recipes["jq"].requires == ("other.example/openssl",)


def test_a_distribution_that_nobody_named_is_told_at_its_place() -> None:
    with pytest.raises(RecipeError) as caught:
        load_tree({**FILES, "packages/jq/recipe.yaml": NEEDY})
    assert "'other.example/openssl' is of a distribution that distributions.yaml does not name" in str(caught.value)
    line = NEEDY.decode().splitlines().index("requires: [other.example/openssl]") + 1
    assert f"packages/jq/recipe.yaml:{line}:12" in str(caught.value)


def test_so_it_is_where_only_one_version_will_do() -> None:
    needy = RECIPE + b"requires: [other.example/openssl = 3.5-1]\n"
    tree = load_tree({**FILES, "packages/jq/recipe.yaml": needy, "distributions.yaml": TEXT})
    assert tree.recipes["jq"].requires == ("other.example/openssl=3.5-1",)
    with pytest.raises(RecipeError, match=r"'other\.example/openssl' is of a distribution"):
        load_tree({**FILES, "packages/jq/recipe.yaml": needy})


def test_a_broken_file_of_distributions_is_all_that_is_reported() -> None:
    with pytest.raises(RecipeError) as caught:
        load_tree({**FILES, "packages/jq/recipe.yaml": NEEDY, "distributions.yaml": b"other.example: 1\n"})
    assert "does not name" not in str(caught.value)
