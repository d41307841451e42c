from __future__ import annotations

import pytest

from farm.core.names.package_name import InvalidPackageNameError, PackageName


def test_a_full_name_has_its_distribution_before_the_slash() -> None:
    assert PackageName.parse("dist.example.org/jq") == PackageName("dist.example.org", "jq")
    assert str(PackageName("dist.example.org", "libstdc++")) == "dist.example.org/libstdc++"


def test_a_short_name_is_read_within_a_distribution() -> None:
    assert PackageName.parse("jq", within="dist.example.org") == PackageName("dist.example.org", "jq")


def test_a_full_name_keeps_its_distribution_within_another() -> None:
    assert PackageName.parse("other.example/openssl", within="dist.example.org").distribution == "other.example"


@pytest.mark.parametrize(
    "text",
    ["jq", "dist.example.org/", "/jq", "dist.example.org/Jq", "dist.example.org/../jq", "Dist.example.org/jq",
     "localhost/jq", "a/b/jq", "-a.example/jq", "dist.example.org/" + "a" * 64, "dist.example.org/jq\n",
     "d\u0456st.example/jq"],
)  # fmt: skip
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidPackageNameError):
        PackageName.parse(text)


@pytest.mark.parametrize("text", ["jq=1.7.1", "jq@1.7", "jq>=1.7"])
def test_a_name_with_a_version_is_told_who_chooses_versions(text: str) -> None:
    with pytest.raises(InvalidPackageNameError) as caught:
        PackageName.parse(text, within="dist.example.org")
    assert "without a version: its channel's newest release says which there is." in caught.value.remedy
    with pytest.raises(InvalidPackageNameError) as caught:
        PackageName.parse("Jq", within="dist.example.org")
    assert caught.value.remedy == "Write it as name or domain/name."
