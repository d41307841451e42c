"""Sets hold one build of each package, for one platform."""

from farm.core.names.declared import HostNeeds
from farm.core.sets.needs.host import joint_needs
from tests.core.sets.values import GLIBC, member, oniguruma, the_set
from tests.refusing import refuses


def test_two_builds_of_one_package_are_no_set():
    with refuses("duplicate-member", match=r"not both oniguruma 6\.9\.9-1 and oniguruma 6\.9\.9-2"):
        the_set(oniguruma(revision=2), oniguruma())


def test_the_same_build_twice_is_one_member():
    assert len(the_set(GLIBC, GLIBC)) == 1


def test_two_platforms_are_no_set():
    with refuses("mixed-platforms", match=r"a 1\.0-1 is for linux/amd64, b 1\.0-1 is for linux/arm64"):
        the_set(member("b", platform="linux/arm64"), member("a"))


def test_the_digest_is_over_descriptors():
    assert the_set(oniguruma(), GLIBC).digest != the_set(oniguruma(revision=2), GLIBC).digest


def test_what_a_set_asks_of_its_host_is_all_that_any_member_asks():
    needs = [HostNeeds("5.10", ("CONFIG_B",)), HostNeeds("5.9", ("CONFIG_A",), ("CAP_X",)), HostNeeds()]
    assert joint_needs(needs) == HostNeeds("5.10", ("CONFIG_A", "CONFIG_B"), ("CAP_X",))
