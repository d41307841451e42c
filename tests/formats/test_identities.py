"""What is known by its digest, and what people and machines sign, is recomputed to exactly the same bytes."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from tests.formats import kept
from tests.formats.reading import identities

if TYPE_CHECKING:
    from collections.abc import Mapping

PLANS = json.loads(gzip.decompress(kept.read("plans.json.gz")))
KNOWN = kept.read_json("recipes.json")
SIGNED = kept.read_json("signed.json")


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    return kept.files_of(kept.unpacked("recipes.tar.gz", tmp_path_factory.mktemp("recipes")))


@pytest.fixture(scope="module")
def plans(recipes: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return identities.plans(recipes)


@pytest.fixture(scope="module")
def envelopes() -> Mapping[str, bytes]:
    return identities.statements(kept.document)


@pytest.mark.parametrize("name", PLANS)
def test_the_plan_of_a_recipe_is_the_same(plans: Mapping[str, bytes], name: str) -> None:
    assert json.loads(plans[name]) == PLANS[name]


def test_recipes_have_the_digests_that_they_had(recipes: Mapping[str, bytes]) -> None:
    found = identities.recipe_identities(recipes)
    for name, known in KNOWN["recipes"].items():
        assert found["recipes"][name] == known
    assert {key: found[key] for key in ("steps", "locks", "channels", "order")} == {
        key: KNOWN[key] for key in ("steps", "locks", "channels", "order")
    }


def test_bills_of_materials_have_the_digests_that_they_had(recipes: Mapping[str, bytes]) -> None:
    assert identities.sbom_of_every_recipe(recipes) == KNOWN["sboms"]


@pytest.mark.parametrize("name", SIGNED)
def test_a_statement_is_made_and_signed_byte_for_byte(envelopes: Mapping[str, bytes], name: str) -> None:
    assert identities.payload(envelopes[name]) == SIGNED[name]["statement"]
    assert envelopes[name] == kept.read(f"signed/{name}.json")


@pytest.mark.parametrize("name", SIGNED)
def test_what_was_signed_is_verified_and_says_what_it_said(name: str) -> None:
    said = identities.opened(name, kept.read(f"signed/{name}.json"), kept.document)
    assert json.loads(json.dumps(said)) == SIGNED[name]["says"]


def test_every_kind_of_statement_is_kept(envelopes: Mapping[str, bytes]) -> None:
    assert set(envelopes) == set(SIGNED) == {name.removesuffix(".json") for name in kept.files_of(kept.DATA / "signed")}
