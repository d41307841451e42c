"""Which packages hold code of a library since their build, read from the provenance that the release names."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from farm.client.findings.static_copies import copies_in
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.plan.consumption import OpenedFiles

OLD, NEW = Digest.of(b"old"), Digest.of(b"new")
OPENED = {"headers": OpenedFiles().to_dict(), "static": OpenedFiles.of(["lib/libz.a"]).to_dict()}
HEADERS = {"headers": OpenedFiles.of(["include/zlib.h"]).to_dict(), "static": OpenedFiles().to_dict()}
ZLIB = PackageName("dist.example.org", "zlib")


def provenance(name: str, tree: Digest, opened: Any) -> bytes:
    entry: dict[str, Any] = {"name": f"dist.example.org/{name} 1.3", "digest": {"sha256": tree.hex}}
    if opened is not None:
        entry["annotations"] = {"opened": opened}
    listed = [{"name": "x.tar.gz", "digest": {"sha256": OLD.hex}}, entry]
    statement = {"predicate": {"buildDefinition": {"resolvedDependencies": listed}}}
    return json.dumps({"payload": base64.b64encode(json.dumps(statement).encode()).decode()}).encode()


@pytest.mark.parametrize("name", ["zlib", "zlib-dev", "zlib-static"])
def test_code_of_another_build_is_told(name: str) -> None:
    (copy,) = copies_in("curl 8-1", provenance(name, OLD, OPENED), ZLIB, NEW)
    assert (copy.package, copy.library, copy.tree, copy.is_known) == ("curl 8-1", f"dist.example.org/{name}", OLD, True)


@pytest.mark.parametrize("opened", ["unknown", None])
def test_where_nobody_watched_it_may_be(opened: Any) -> None:
    (copy,) = copies_in("curl 8-1", provenance("zlib", OLD, opened), ZLIB, NEW)
    assert not copy.is_known


def test_the_same_build_headers_and_other_libraries_are_nothing() -> None:
    assert copies_in("curl 8-1", provenance("zlib", NEW, OPENED), ZLIB, NEW) == ()
    assert copies_in("curl 8-1", provenance("zlib", OLD, HEADERS), ZLIB, NEW) == ()
    assert copies_in("curl 8-1", provenance("zlib-ng", OLD, OPENED), ZLIB, NEW) == ()


@pytest.mark.parametrize("content", [b"", b"[]", b'{"payload": 3}', b'{"payload": "e30="}'])
def test_what_cannot_be_read_says_nothing(content: bytes) -> None:
    assert copies_in("curl 8-1", content, ZLIB, NEW) == ()
