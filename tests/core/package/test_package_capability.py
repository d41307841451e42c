"""What every package provides as itself, and how a requirement of one version differs from others."""

import pytest

from farm.core.names.version import Version
from farm.core.package.package_capability import exact_package, package_capabilities


def test_a_package_is_itself_its_version_and_its_revision() -> None:
    assert package_capabilities("jq", Version("1.7.1"), 2) == (
        "package:jq",
        "package:jq=1.7.1",
        "package:jq=1.7.1-2",
    )


@pytest.mark.parametrize(
    ("capability", "exact"),
    [
        ("package:jq=1.7.1-2", ("jq", "1.7.1-2")),
        ("package:other.example/jq=1.7.1", ("other.example/jq", "1.7.1")),
        ("package:jq", None),
        ("command:a=b", None),
        ("soname:liba=b.so.1", None),
    ],
)
def test_only_a_package_is_required_in_one_version(capability: str, exact: tuple[str, str] | None) -> None:
    assert exact_package(capability) == exact
