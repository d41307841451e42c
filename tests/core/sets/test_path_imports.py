"""Packages at paths of the user's choice: composed the same in any order, and never in conflict with anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.core.fileset.imports import expand
from farm.core.fileset.manifest import Directory, File, Manifest
from farm.core.names.digest import Digest
from farm.core.sets.composition.additions import compose_with, place_imports
from farm.core.sets.composition.compose import compose
from farm.core.subscriber.image_file import PathImport
from tests.core.sets.values import member, tree
from tests.refusing import refuses

XZ = {"bin/xz": "", "lib/liblzma.so.5": "", "share/xz/doc/text": ""}
JQ = {"bin/jq": ""}
SITE = {"share/site/index.html": "hello"}
NOTHING = Manifest.of(())


def pair(name, files, **more):
    return member(name, files, **more).descriptor, tree(files)


PACKAGES = [pair("xz", XZ), pair("jq", JQ), pair("site", SITE)]


def store(name):
    return next(descriptor.store_path for descriptor, _ in PACKAGES if descriptor.name.short == name)


def composed(*imports, packages=PACKAGES, own=NOTHING, replaces=()):
    return compose_with(packages, own, replaces, place_imports(imports, packages))


def test_a_package_and_a_directory_of_one_are_links_at_their_paths():
    forest = composed(PathImport("opt/tools/jq", "jq"), PathImport("srv/www", "site", "share/site")).forest
    links = dict(forest.links)
    assert links["opt/tools/jq"] == f"/packages/{store('jq')}"
    assert links["srv/www"] == f"/packages/{store('site')}/share/site"
    assert links["usr/bin/jq"] == f"/packages/{store('jq')}/bin/jq"
    assert {"opt", "opt/tools", "srv"} <= set(forest.directories)


@given(st.permutations(PACKAGES), st.permutations([("opt/a", "xz"), ("opt/b", "jq"), ("srv/www", "site")]))
def test_any_order_of_packages_and_imports_is_one_root(packages, imports):
    made = composed(*(PathImport(*values) for values in imports), packages=packages)
    usual = composed(PathImport("opt/a", "xz"), PathImport("opt/b", "jq"), PathImport("srv/www", "site"))
    assert made == usual
    assert made.fileset.to_json() == usual.fileset.to_json()
    assert made.digest == usual.digest != compose(PACKAGES).digest


def test_a_root_is_a_fileset_that_imports_its_packages():
    trees = {manifest.tree_digest: manifest for _, manifest in PACKAGES}
    whole = expand(composed(PathImport("opt/jq", "jq")).fileset, trees.__getitem__)
    paths = {entry.path for entry in whole.entries}
    for descriptor, manifest in PACKAGES:
        assert {f"packages/{descriptor.store_path}/{entry.path}" for entry in manifest.entries} <= paths
    assert {"usr/bin/jq", "opt/jq"} <= paths


def test_below_a_directory_that_would_be_one_link_there_is_room():
    made = dict(composed(PathImport("usr/share/xz/jq", "jq")).forest.links)
    assert made["usr/share/xz/jq"] == f"/packages/{store('jq')}"
    assert made["usr/share/xz/doc"] == f"/packages/{store('xz')}/share/xz/doc"


@pytest.mark.parametrize(
    ("imports", "own", "path", "parties"),
    [
        ((("usr/bin/jq", "site"),), (), "usr/bin/jq", ("jq 1.0-1", "the import of site 1.0-1")),
        ((("usr/share/xz", "site"),), (), "usr/share/xz", ("xz 1.0-1", "the import of site 1.0-1")),
        ((("usr/bin/xz/more", "site"),), (), "usr/bin/xz", ("xz 1.0-1", "the import of site 1.0-1")),
        (
            (("srv", "site", "share"), ("srv", "jq")),
            (),
            "srv",
            ("the import of jq 1.0-1", "the import of share of site 1.0-1"),
        ),
        ((("opt/a", "jq"), ("opt/a", "site")), (), "opt/a", ("the import of jq 1.0-1", "the import of site 1.0-1")),
        ((("opt/a", "jq"), ("opt/a/b", "site")), (), "opt/a/b", ("the import of jq 1.0-1", "the import of site 1.0-1")),
        ((("opt/a", "jq"),), ("opt/a/mine",), "opt/a/mine", ("the import of jq 1.0-1", "your own files")),
        ((("opt/a", "jq"),), ("opt/a",), "opt/a", ("your own files", "the import of jq 1.0-1")),
        ((("opt/a/b", "jq"),), ("opt/a",), "opt/a", ("your own files", "the import of jq 1.0-1")),
    ],
)
def test_a_conflict_names_both_parents_and_the_path(imports, own, path, parties):
    files = Manifest.of(File(own_path, 0, Digest.of(b"")) for own_path in own)
    said = set()
    for order in (imports, imports[::-1]):
        with refuses("import-conflict") as caught:
            composed(*(PathImport(*values) for values in order), own=files)
        conflict_path, _, owners = caught.value.message.splitlines()[-1].partition(": ")
        assert conflict_path == f"  /{path}"
        assert sorted(owners.split(" and ")) == sorted(parties)
        said.add(caught.value.message)
        assert "Import at a path of its own" in caught.value.remedy
    assert len(said) == 1


def test_replacing_a_package_is_for_own_files_alone():
    own = Manifest.of([File("usr/bin/xz", 0, Digest.of(b"")), Directory("opt/mine")])
    made = composed(PathImport("opt/xz", "xz"), own=own, replaces=["xz"])
    assert "usr/bin/xz" not in dict(made.forest.links)
    with refuses("import-conflict"):
        composed(PathImport("usr/bin/xz", "site"), replaces=["xz"])


def test_what_is_not_there_cannot_be_imported():
    with refuses("path-import", match="gone, imported at /opt/a, is not a package of the set"):
        composed(PathImport("opt/a", "gone"))
    with refuses("path-import", match="has no directory share/none") as caught:
        composed(PathImport("opt/a", "site", "share/none"))
    assert caught.value.remedy == "Its directories are share, share/site."
    with refuses("path-import"):
        composed(PathImport("opt/a", "jq", "bin/jq"))
