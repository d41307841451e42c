"""The workshop of local builds: this machine's store, toolchains, sandbox and key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from farm.build.attempt.workshop import Workshop
from farm.build.sources.fetch import SourceFetcher
from farm.container.attempt_directory import AttemptsRoot
from farm.container.empty_image import EmptyImage
from farm.container.janitor import Janitor
from farm.container.sandbox import Sandbox, connect
from farm.store.unpack import PackageCache
from farm.trust.keys.key_files import load_or_create_key

if TYPE_CHECKING:
    from farm.build.local.toolchains import TreeToolchains
    from farm.build.local_state import LocalState
    from farm.core.names.platform import Platform
    from farm.store.http.download_policy import DownloadPolicy


def local_workshop(
    state: LocalState, toolchains: TreeToolchains, platform: Platform, docker: str, policy: DownloadPolicy
) -> Workshop:
    """Return the workshop of this machine, after cleaning up after killed attempts."""
    client = connect(docker)
    attempts = AttemptsRoot.open(state.attempts, str(state.root.absolute()))
    Janitor(client, attempts).sweep()
    return Workshop(
        store=state.store,
        cache=PackageCache(state.packages),
        toolchains=toolchains.of_tree,
        sandbox=Sandbox(client, EmptyImage.of(platform).ensure(client), worker="local"),
        fetcher=SourceFetcher(state.store, policy, apt=toolchains.apt()),
        signer=load_or_create_key(state.key),
        attempts=attempts,
        obtain=state.store.size,  # nothing is fetched: it raises `MissingBlobError`
        jobs=os.cpu_count() or 1,
    )
