"""`python -m tests.oracle` tests what `farm build --all` has built here, without a farm: for work on the proof."""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

from farm.build.local_state import LocalState
from farm.cli.settings import Settings
from farm.core.fileset.manifest import Manifest
from farm.core.plan.job import BuildOutcome
from farm.store.unpack import PackageCache
from tests.oracle.run import Unpacked, base_sets, carry_out, counts, unmutated


def main() -> int:
    known = Settings.from_environment()
    state = LocalState(known.state, known.host)
    newest = {}
    for record in sorted((state.root / "builds").glob("*.json"), key=lambda path: path.stat().st_mtime):
        for package in BuildOutcome.from_dict(json.loads(record.read_bytes())).packages:
            newest[package.descriptor.name.short] = package
    cache = PackageCache(state.packages)
    with tempfile.TemporaryDirectory() as folder:
        packages = []
        for package in newest.values():
            archive = package.archive.digest
            store, tree = package.descriptor.store_path, package.descriptor.tree
            unpacked = cache.ensure(store, tree, partial(state.store.open, archive))
            manifest = Manifest.from_json(state.store.read(package.manifest.digest))
            packages.append(Unpacked(package.descriptor, manifest, unpacked))
        bases = base_sets(packages, Path(folder) / "packages")
        verdicts = [unmutated(base, Path(folder) / "as it is") for base in bases]
        verdicts += carry_out(bases, Path(folder) / "mutated")
    wrong = [verdict for verdict in verdicts if verdict.missed or verdict.unfounded]
    print(*map(str, wrong), *counts(verdicts), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
