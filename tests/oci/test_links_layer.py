"""The links layer makes a root filesystem: merged /usr, the forest, and mount points."""

from __future__ import annotations

import io
import tarfile

import pytest

from farm.core.fileset.forest import Forest
from farm.core.fileset.manifest import InvalidManifestError
from farm.oci.root_layers import links_layer


def members(layer: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(layer), errorlevel=2) as tar:
        return {member.name: member for member in tar}


def test_the_forest_lies_over_a_merged_usr() -> None:
    forest = Forest(("etc", "usr", "usr/bin"), (("usr/bin/jq", "/packages/jq-1/bin/jq"),))
    found = members(links_layer(forest))
    assert found["usr/bin/jq"].linkname == "/packages/jq-1/bin/jq"
    assert {name: found[name].linkname for name in ("bin", "lib", "lib64", "sbin")} == {
        "bin": "usr/bin",
        "lib": "usr/lib",
        "lib64": "usr/lib64",
        "sbin": "usr/sbin",
    }
    assert all(found[f"usr/{name}"].isdir() for name in ("bin", "lib", "lib64", "sbin"))


def test_there_is_something_to_mount_on_and_a_tmp_for_everybody() -> None:
    found = members(links_layer(Forest((), ())))
    for name in ("dev", "etc", "proc", "run", "sys", "tmp", "var/tmp"):
        assert found[name].isdir()
        assert found[name].mode == (0o1777 if name.endswith("tmp") else 0o755)


def test_owners_and_times_are_fixed() -> None:
    for member in members(links_layer(Forest((), ()))).values():
        assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 315532800)


def test_a_forest_that_is_in_the_way_is_an_error() -> None:
    with pytest.raises(InvalidManifestError):
        links_layer(Forest(("usr",), (("usr/bin", "/packages/x/bin"),)))
