"""Composing packages to one root."""

from dataclasses import replace

import pytest

from farm.core.fileset.forest import BaseTree, ForestConflictError
from farm.core.sets.composition.compose import compose
from tests.core.sets.values import member, tree
from tests.refusing import refuses

XZ = {"bin/xz": "", "lib/liblzma.so.5": "", "share/xz/doc": ""}
JQ = {"bin/jq": ""}


def pair(name, files, **more):
    return member(name, files, **more).descriptor, tree(files)


def test_packages_lie_by_store_and_links_lead_there():
    composition = compose([pair("xz", XZ), pair("jq", JQ, links=[("usr/bin/jql", "bin/jq")])])
    jq, xz = composition.packages
    assert (jq.store[:7], xz.store[:7]) == ("jq-1.0-", "xz-1.0-")
    assert composition.forest.links == (
        ("usr/bin/jq", f"/packages/{jq.store}/bin/jq"),
        ("usr/bin/jql", f"/packages/{jq.store}/bin/jq"),
        ("usr/bin/xz", f"/packages/{xz.store}/bin/xz"),
        ("usr/lib/liblzma.so.5", f"/packages/{xz.store}/lib/liblzma.so.5"),
        ("usr/share/xz", f"/packages/{xz.store}/share/xz"),
    )


def test_a_command_of_the_base_wins_unless_it_is_shadowed():
    base = BaseTree(frozenset({"usr", "usr/bin", "usr/lib", "usr/share"}), frozenset({"usr/bin/xz"}))

    def commands(**more):
        return [link for link, _ in compose([pair("xz", XZ)], base, **more).forest.links if "/bin/" in link]

    assert commands() == []
    assert commands(shadows=["xz"]) == ["usr/bin/xz"]


def test_the_digest_is_over_packages_and_links():
    digests = {
        compose([pair("xz", XZ)]).digest,
        compose([pair("xz", XZ), pair("jq", JQ)]).digest,
        compose([pair("xz", XZ, links=[("usr/bin/lzma", "bin/xz")])]).digest,
        compose([pair("xz", {**XZ, "data": ""})]).digest,
    }
    assert len(digests) == 4
    assert compose([pair("xz", XZ, revision=2)]).digest in digests


def test_the_same_package_twice_is_there_once():
    assert compose([pair("xz", XZ), pair("xz", XZ, revision=2)]) == compose([pair("xz", XZ)])


def test_two_builds_of_one_package_are_refused():
    with refuses("two-builds", match=r"one root cannot hold two builds of a package: xz 1\.0-1 \(sha256:"):
        compose([pair("xz", XZ), pair("xz", JQ)])


def test_a_conflict_names_both_packages():
    with pytest.raises(ForestConflictError, match=r"/usr/bin/xz: busybox 1\.0-1 and xz 1\.0-1$"):
        compose([pair("xz", XZ), pair("busybox", {"bin/xz": ""})])


def test_packages_that_have_one_short_name_are_told_by_their_full_ones():
    other = pair("xz", {**XZ, "share/more": ""}, distribution="other.example")
    with pytest.raises(ForestConflictError) as caught:
        compose([pair("xz", XZ), other])
    assert "  /usr/bin/xz: dist.example.org/xz 1.0-1 and other.example/xz 1.0-1\n" in caught.value.message


def test_a_package_is_known_by_its_tree_not_by_its_manifest_object():
    descriptor, manifest = pair("xz", XZ)
    assert compose([(descriptor, manifest)]) == compose([(replace(descriptor), manifest)])
