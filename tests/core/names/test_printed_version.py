"""How versions are printed."""

import pytest

from farm.core.names.printed_version import PrintedIdentity, printed_version, without_build
from farm.core.names.version import Version


@pytest.mark.parametrize(("build", "printed"), [(1, "2.2.5-1"), (2, "2.2.5-1+b2"), (13, "2.2.5-1+b13")])
def test_a_version_is_printed_with_its_number_from_the_second_build_on(build, printed):
    assert printed_version("2.2.5", 1, build) == printed_version(Version("2.2.5"), 1, build) == printed
    assert str(PrintedIdentity("say", "2.2.5", 1, build)) == f"say {printed}"


def test_a_first_build_needs_no_number():
    assert printed_version("1.0", 3) == "1.0-3"


@pytest.mark.parametrize(
    ("printed", "first"),
    [("1.7.1-1", "1.7.1-1"), ("1.7.1-1+b2", "1.7.1-1"), ("1.2+b3-1", "1.2+b3-1"), ("1.2+b3-1+b12", "1.2+b3-1")],
)
def test_what_is_printed_without_a_build_number_keeps_a_suffix_of_upstream(printed, first):
    assert without_build(printed) == first
