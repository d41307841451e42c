"""The public keys of a distribution as files for openssl and cosign: `keys/<key id>.pem`, and an index of owners.

Written from the signed metadata by its publisher, for people without a farm. These files are not signed: farm itself
reads the metadata.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm

from farm.store.durable_file import replace_file
from farm.trust.keys.key_files import public_pem
from farm.trust.layout import KEYS
from farm.trust.metadata.delegation import channels_of, role_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from securesystemslib.signer import Key

    from farm.trust.metadata.repository_files import RepositoryFiles

INDEX = "index.json"


def write_public_keys(repository: RepositoryFiles) -> None:
    """Write the files for the metadata in force, and remove those of keys that are no longer in it.

    Raises `RepositoryStateError`.
    """
    targets = repository.head().targets
    known = targets.delegations.keys if targets.delegations else {}
    builders = repository.builders()
    channels = {name: sorted(role_of(targets, name).keyids) for name in channels_of(targets)}
    signing = [known[keyid] for keyids in channels.values() for keyid in keyids]
    files = {f"{key.keyid}.pem": pem for key, pem in _with_pem([*signing, *builders.values()])}
    index = {"builders": sorted(builders), "channels": channels}
    files[INDEX] = (json.dumps(index, indent=1, sort_keys=True) + "\n").encode()
    folder = repository.root / KEYS
    for name, content in files.items():
        if not (folder / name).exists() or (folder / name).read_bytes() != content:
            replace_file(folder / name, content)
    for path in folder.glob("*.pem"):
        if path.name not in files:
            path.unlink()


def _with_pem(keys: Iterable[Key]) -> Iterator[tuple[Key, bytes]]:
    for key in keys:
        try:
            yield key, public_pem(key)
        except (ValueError, UnsupportedAlgorithm):  # of a kind that has no PEM
            continue
