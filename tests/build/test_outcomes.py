"""The outcomes of the recipes of one tree: what is read of the store for the sets that they make."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from farm.build.local.outcomes import Outcomes
from farm.core.names.digest import Digest
from farm.core.plan.graph import BuildGraph
from farm.core.plan.job import BlobRef, BuiltPackage
from farm.store.blobs import BlobStore
from tests.core.plan.values import recipe
from tests.core.sets.values import member, tree

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

NAMES = ("a", "b", "c")


def stored(store: BlobStore, name: str, requires: tuple[str, ...]) -> BuiltPackage:
    files = {f"bin/{name}": "x"}
    made = member(name, files, requires=requires)
    blobs = [
        BlobRef(store.put_bytes(content), len(content)) for content in (tree(files).to_json(), made.facts.to_json())
    ]
    return BuiltPackage(made.descriptor, BlobRef(Digest.of(name.encode()), 1), *blobs)


def test_a_manifest_is_read_once_whatever_the_number_of_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = BlobStore(tmp_path)
    packages = {name: stored(store, name, ("package:a",) if name != "a" else ()) for name in NAMES}
    outcomes = Outcomes(BuildGraph.of({name: recipe(name) for name in NAMES}), store)
    for name, package in packages.items():
        outcomes.add(name, (package,), "built")
    reads: Counter[Digest] = Counter()
    read = store.read

    def counted(digest: Digest) -> bytes:
        reads[digest] += 1
        return read(digest)

    monkeypatch.setattr(store, "read", counted)
    for _ in range(3):
        assert outcomes.closure(["b"]) == (packages["a"], packages["b"])
    assert reads == {blob.digest: 1 for package in packages.values() for blob in (package.manifest, package.facts)}
    outcomes.forget()
    newer = stored(store, "a", ("package:c",))
    for name, package in (packages | {"a": newer}).items():
        outcomes.add(name, (package,), "built")
    assert set(outcomes.closure(["b"])) == {newer, packages["b"], packages["c"]}
