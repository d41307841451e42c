"""Which repositories and tags exist."""

from __future__ import annotations

import pytest

from tests.refusing import refuses
from web.registry.names import MOST_PACKAGES, ImageName, Tag, image_name


def test_the_order_of_packages_does_not_count_and_each_counts_once() -> None:
    assert ImageName.parse("stable/jq/bash/jq") == ImageName("stable", ("bash", "jq"))


def test_a_plus_sign_is_spelt_so_that_clients_take_it() -> None:
    name = ImageName.parse("stable/libstdc_p_p/a_pb")
    assert name.packages == ("a+b", "libstdc++")
    assert ImageName.parse(str(name)) == name


def test_a_package_that_no_repository_can_be_called_after_has_no_name() -> None:
    assert image_name("stable", ("g++-14",)) == "stable/g_p_p-14"
    assert image_name("stable", ("jq", "x-+")) == ""


@pytest.mark.parametrize(
    "path",
    ["stable", "", "stable/", "/jq", "stable//jq", "stable/JQ", "stable/jq/", "stable/../jq", "stable/a_b", "é/jq"],
)
def test_what_is_no_list_of_packages_is_refused(path: str) -> None:
    with refuses("registry-name-invalid"):
        ImageName.parse(path)


def test_a_name_has_so_many_packages_and_no_more() -> None:
    names = [f"p{number}" for number in range(MOST_PACKAGES + 1)]
    assert len(ImageName.parse("/".join(["stable", *names[:-1], names[0]])).packages) == MOST_PACKAGES
    with refuses("registry-name-invalid", match=f"may have {MOST_PACKAGES}"):
        ImageName.parse("/".join(["stable", *names]))


@pytest.mark.parametrize(
    ("text", "tag"),
    [("latest", Tag(0, False)), ("7", Tag(7, False)), ("7-plain", Tag(7, True)), ("latest-plain", Tag(0, True))],
)
def test_tags_name_releases(text: str, tag: Tag) -> None:
    assert Tag.parse(text) == tag


@pytest.mark.parametrize(
    "text", ["0", "07", "v7", "latest-", "-plain", "plain", "99999999999", "7-plain-plain", "\u0667"]
)
def test_other_tags_are_not_there(text: str) -> None:
    with refuses("registry-manifest-unknown"):
        Tag.parse(text)
