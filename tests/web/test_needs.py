"""Which packages provide what is required, as the page of a package lists it."""

from __future__ import annotations

from tests.core.sets.values import elf, member
from web.pages.package_parts import by_kind
from web.pages.release_needs import providers_by_capability


def test_a_package_that_is_required_in_one_version_is_named_as_a_recipe_writes_it_with_its_provider() -> None:
    user = member("user", {"bin/user": elf(needs=["libz.so.1"])}, requires=["jq=1.7.1-2", "base", "gone=2.0"])
    others = (member("jq", version="1.7.1", revision=2), member("base"), member("gone"))
    providers = providers_by_capability(package.descriptor for package in (user, *others))
    packages, libraries = by_kind(user.descriptor.requires)[::-1]
    assert packages.names == (
        ("base", "package:base"),
        ("gone = 2.0", "package:gone=2.0"),
        ("jq = 1.7.1-2", "package:jq=1.7.1-2"),
    )
    assert libraries.names == (("libz.so.1", "soname:libz.so.1"),)
    assert [providers.get(capability, []) for _, capability in packages.names] == [["base"], [], ["jq"]]
