"""The founding of a farm on one machine: directories, keys, settings, metadata, database. A second run changes nothing.

Each program of the farm gets a settings file with only what it needs: build workers get no database, web no signer and
no Redis, and only the signer gets the online keys.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from farm.build.recipe_directory import read_recipe_directory
from farm.cli.operate.enrolment import admit
from farm.cli.operate.farm_users import ServiceStart
from farm.cli.operate.file_owners import bring_database, hand_over, hand_over_signing
from farm.cli.operate.policy_signing import policy_with
from farm.core.plan.job import BlobRef
from farm.core.policy.gates.reproduced import ReproducedGate
from farm.server.transaction.planning_inputs import ToolchainRef
from farm.store.blobs import BlobStore
from farm.store.durable_file import replace_file
from farm.trust.ceremony.ceremony import (
    allow_more_builders,
    found_channels,
    found_repository,
    list_operator,
    list_preview_key,
    sign_policy,
)
from farm.trust.keys.key_files import load_or_create_key
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.signed_policy import policy_in_force

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from securesystemslib.signer import Key

    from farm.build.toolchain.toolchain import Toolchain
    from farm.cli.operate.farm_home import FarmHome
    from farm.cli.operate.farm_users import FarmUsers
    from farm.core.policy.tree import RecipeTree


def found(
    home: FarmHome,
    tree: RecipeTree,
    recipes: Path,
    toolchains: Sequence[Toolchain],
    workers: int,
    *,
    vary: bool,
    follow: int = 60,
    images: bool = True,
    users: FarmUsers | None = None,
    operator: tuple[str, str] | None = None,
) -> list[str]:
    """Make directories, keys, settings, metadata and database where they are missing; bring settings up to date.

    Files of one of `users` are given to that user; without users, all are of the user who founds the farm. With `vary`,
    the builds of each worker have another host name, a processor of their own, and a clock 400 days ahead. Other
    distributions are checked every `follow` seconds. `images` says whether released packages can be pulled as images.
    `operator` is the founder, by name and public key. Returns what was signed of policies, a line for each.
    """
    _make_directories(home, users)
    _write_settings(home, recipes, toolchains, users, follow=follow, images=images)
    keys = _make_workers(home, tree, workers, vary=vary)
    _sign_builders(home, tree, list(keys.values()))
    signed = _sign_policy(home, recipes, toolchains)
    if operator is not None:
        signed += _list_operator(home, *operator)
    if users is not None:
        hand_over_signing(home, users)
    start = ServiceStart.of(home, users, recipes)
    admit(home, start, {name: str(key.keyval["public"]) for name, key in keys.items()})
    return signed


def _make_directories(home: FarmHome, users: FarmUsers | None) -> None:
    for folder in (home.root, home.run, home.root / "keys"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if users is not None:
        hand_over(home, users)
    bring_database(home, users)
    for folder in (home.ledger, home.record, home.root / "blobs"):
        folder.mkdir(exist_ok=True, mode=0o700)
    for socket in (home.redis, home.signer, home.image_signer, home.checker):
        socket.parent.mkdir(mode=0o700, exist_ok=True)


def _write_settings(
    home: FarmHome,
    recipes: Path,
    toolchains: Sequence[Toolchain],
    users: FarmUsers | None,
    *,
    follow: int,
    images: bool,
) -> None:
    """Write the settings of web and control: some are of both, the others of one alone."""
    both = {
        "database": home.database,
        "blobs": str(home.root / "blobs"),
        "logs": str(home.root / "logs"),
        "recipes": str(recipes.absolute()),
        "toolchains": [_share(home, toolchain) for toolchain in toolchains],
        "repository": str(home.public),
        "address": home.address,
        "allowed_networks": list(home.allowed_networks),
        "webhook_networks": list(home.webhook_networks),
    }
    web = {"images": images, "image_signer": str(home.image_signer), "web": dict(home.web_bounds)}
    control = {
        "broker": home.broker,
        "signer": str(home.signer),
        "foreign": str(home.root / "foreign"),
        "git": str(home.root / "git"),
        "follow_seconds": follow,
    }
    _write(home.web_settings, both | web, users.gid("web") if users else None)
    _write(home.control_settings, both | control, users.gid("control") if users else None)
    (home.run / "farm.json").unlink(missing_ok=True)  # from earlier versions, in which both had all settings


def _make_workers(home: FarmHome, tree: RecipeTree, workers: int, *, vary: bool) -> dict[str, Key]:
    """Make the directories, settings and keys of build workers; return the public keys by name."""
    suites = sorted({definition.suite for definition in tree.toolchains.values()})
    keys: dict[str, Key] = {}
    for number in range(1, workers + 1):
        folder = home.worker(number)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        own = _worker_settings(home, number, suites[0] if suites else "")
        _write(folder / "settings.json", own | (_variation(number) if vary else {}))
        keys[folder.name] = load_or_create_key(folder / "key").public_key
    return keys


def _worker_settings(home: FarmHome, number: int, suite: str) -> dict[str, Any]:
    return {
        "farm": home.url,
        "broker": home.broker,
        "name": f"worker-{number}",
        "key": str(home.worker(number) / "key"),
        "blobs": str(home.host / "blobs"),
        "packages": str(home.host / "packages"),
        "toolchains": str(home.host / "toolchains"),
        "attempts": str(home.host / "attempts"),
        "owner": str(home.root.absolute()),
        "suite": suite,
        "docker": home.docker,
        "allowed_networks": list(home.allowed_networks),
        "jobs": os.cpu_count() or 1,
    }


def _variation(number: int) -> dict[str, Any]:
    processor = (number - 1) % (os.cpu_count() or 1)
    return {"hostname": f"elsewhere-{number}", "cpus": str(processor), "clock_offset": 400 * 86_400, "jobs": 1}


def _sign_builders(home: FarmHome, tree: RecipeTree, builders: Sequence[Key]) -> None:
    """Hold the first ceremony, or update builders and channels to the present workers and recipes."""
    repository, keys, channels = Repository(home.public), home.root / "keys", sorted(tree.channels)
    rebuilds = {
        name: gate.agree
        for name, policy in tree.channels.items()
        for gate in policy.gates
        if isinstance(gate, ReproducedGate)
    }
    if repository.exists():
        known = repository.builders()
        # A builder that was removed from the list of testers is not added again.
        testers = [key for key in builders if known.testers is None or key.keyid not in known]
        allow_more_builders(repository, keys, builders, datetime.now(UTC), testers=testers)
    else:
        found_repository(home.public, keys, channels, builders, datetime.now(UTC), testers=builders)
    found_channels(repository, keys, channels, datetime.now(UTC), rebuilds)
    list_preview_key(repository, keys, datetime.now(UTC))


def _sign_policy(home: FarmHome, recipes: Path, toolchains: Sequence[Toolchain]) -> list[str]:
    """Sign the policy of the recipes if its keys are here; return the message about it."""
    repository = Repository(home.public)
    policy = policy_with(read_recipe_directory(recipes), toolchains, policy_in_force(repository))
    return sign_policy(repository, home.root / "keys", policy, datetime.now(UTC))


def _list_operator(home: FarmHome, name: str, public: str) -> list[str]:
    """Allow the user who starts the farm the orders of curators, if the keys for that are here; return the message."""
    listed = list_operator(Repository(home.public), home.root / "keys", name, public, datetime.now(UTC))
    return [f"{name} may order what curators may, with the key of `farm keys me`"] if listed else []


def _share(home: FarmHome, toolchain: Toolchain) -> dict[str, Any]:
    """Put a toolchain's blobs into the farm's store, for workers elsewhere; return its form in settings."""
    store = BlobStore(home.root / "blobs")
    for digest in (toolchain.tree, toolchain.archive.digest, *toolchain.debs.values()):
        if not store.has(digest):
            store.share(toolchain.store, digest)
    manifest = BlobRef(toolchain.tree, toolchain.store.size(toolchain.tree))
    lock = store.put_bytes(toolchain.lock.to_text()) if toolchain.lock else None
    return ToolchainRef(toolchain.name, toolchain.tree, toolchain.archive, manifest, toolchain.debs, lock).to_dict()


def _write(path: Path, settings: dict[str, Any], group: int | None = None) -> None:
    """Write a settings file that nobody else can read, or only a group. It may contain a database's password."""
    replace_file(path, (json.dumps(settings, indent=1) + "\n").encode(), mode=0o600)
    if group is not None:
        os.chown(path, 0, group)
        path.chmod(0o640)
