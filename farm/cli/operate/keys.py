"""`farm keys`: the keys of a distribution and of people, its first metadata, and its DNS record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.groups import VerbGroup
from farm.cli.options import json_option, keys_option, read_keys
from farm.cli.output import say, say_document, say_json, tell_result
from farm.cli.personal_key import ask_secret, make_own_key, name_to_be, own_key_path
from farm.cli.settings import Settings
from farm.core.names.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from securesystemslib.signer import Key


_FILE = click.Path(path_type=Path)


@click.group(cls=VerbGroup, below="keys")
def keys() -> None:
    """Make the keys of a distribution, and change who may sign what.

    \b
    Adding a channel, when two of three people must sign:
      farm keys new keys/online/stable
      farm keys draft targets --repository public --add-channel stable --key keys/online/stable.pub
      farm keys sign targets.draft --key ann.key      (at Ann's; then at Ben's)
      farm keys publish targets.draft --repository public --online keys/online
    """


@keys.command("init")
@click.option("--repository", required=True, type=_FILE, help="The directory to be published.")
@click.option("--keys", "folder", required=True, type=_FILE, help="The directory for the keys.")
@click.option(
    "--channel",
    "channels",
    multiple=True,
    default=["edge"],
    show_default=True,
    help="A channel of the distribution; may be repeated.",
)
@keys_option("--builder", "builders", help="The .pub file of a worker that builds and tests.")
@keys_option("--tester", "testers", help="The .pub file of a worker that only tests.")
@click.option("--root-key", "root_keys", multiple=True, type=_FILE, help="The .pub file of a person who signs root.")
@click.option("--root-threshold", type=int, default=1, show_default=True, help="How many of them must sign.")
@click.option(
    "--targets-key", "targets_keys", multiple=True, type=_FILE, help="The .pub file of a person who signs targets."
)
@click.option("--targets-threshold", type=int, default=1, show_default=True, help="How many of them must sign.")
@click.option("--drafts", type=_FILE, default=Path(), help="The directory for the drafts that these people sign.")
@json_option
def init(
    repository: Path,
    folder: Path,
    channels: tuple[str, ...],
    builders: tuple[Key, ...],
    testers: tuple[Key, ...],
    root_keys: tuple[Path, ...],
    root_threshold: int,
    targets_keys: tuple[Path, ...],
    targets_threshold: int,
    drafts: Path,
    as_json: bool,
) -> None:
    """Make the keys of a distribution, and version 1 of its metadata.

    Overwrites nothing. With --root-key and --targets-key, the offline keys are those of other people, of whom only the
    public keys are needed: root and targets are written as drafts, which they sign and you publish. Without these, the
    offline keys are made too: move KEYS/offline to a safe place afterwards.

    \b
    Examples:
      farm keys init --repository public --keys keys --builder worker-1/key.pub
      farm keys init --repository public --keys keys --root-key ann.pub --root-key ben.pub --root-threshold 2 \\
        --targets-key ann-targets.pub --targets-key ben-targets.pub --targets-threshold 2
    """
    testing = list({key.keyid: key for key in (*builders, *testers)}.values())
    if not root_keys and not targets_keys:
        if (root_threshold, targets_threshold) != (1, 1):
            raise click.UsageError(
                "A threshold needs --root-key and --targets-key; without these, one key of each is made."
            )
        _found(repository, folder, channels, builders, testing, as_json=as_json)
    elif not root_keys or not targets_keys:
        raise click.UsageError("Give both --root-key and --targets-key: a key cannot be of two roles.")
    else:
        offline = {"root": (root_keys, root_threshold), "targets": (targets_keys, targets_threshold)}
        _draft(repository, folder / "online", channels, builders, testing, offline, drafts, as_json=as_json)


def _found(
    repository: Path,
    folder: Path,
    channels: Sequence[str],
    builders: Sequence[Key],
    testers: Sequence[Key],
    *,
    as_json: bool,
) -> None:
    """Found a distribution whose offline keys are made here too."""
    from farm.trust.ceremony.ceremony import found_repository

    founded = found_repository(repository, folder, channels, builders, datetime.now(UTC), testers=testers)
    lines = [
        f"offline keys  {founded.offline}  (root, targets: move them to a safe place)",
        f"online keys   {founded.online}  (for the signer)",
        f"fingerprint   {founded.fingerprint}  (announce it to subscribers)",
    ]
    form = {"offline": str(founded.offline), "online": str(founded.online), "fingerprint": founded.fingerprint}
    tell_result(lines, form, as_json=as_json)


def _draft(
    repository: Path,
    online: Path,
    channels: Sequence[str],
    builders: Sequence[Key],
    testers: Sequence[Key],
    offline: Mapping[str, tuple[Sequence[Path], int]],
    drafts: Path,
    *,
    as_json: bool,
) -> None:
    """Write the first root and targets as drafts; `offline` has the files of keys and the threshold of these roles."""
    from farm.trust.ceremony.ceremony import found_drafts, write_drafts
    from farm.trust.keys.key_files import load_public_key
    from farm.trust.metadata.roles import RoleKeys

    held = {role: RoleKeys(tuple(map(load_public_key, files)), needed) for role, (files, needed) in offline.items()}
    made = found_drafts(repository, online, channels, builders, offline=held, now=datetime.now(UTC), testers=testers)
    paths = write_drafts(drafts, made)
    lines = [f"online keys   {online}  (for the signer)"]
    for path, draft in zip(paths, made, strict=True):
        (quorum,) = draft.quorums()
        files = ", ".join(map(str, offline[draft.role][0]))
        lines.append(f"draft         {path}  (needs {quorum.threshold} of {len(quorum.unsigned)} keys: {files})")
    lines.append(
        f"Have them signed with `farm keys sign DRAFT --key KEY`, then publish {paths[0]} and then {paths[1]}."
    )
    tell_result(lines, {"online": str(online), "drafts": list(map(str, paths))}, as_json=as_json)


@keys.command("allow")
@click.option("--repository", required=True, type=_FILE, help="The published directory.")
@click.option("--keys", "folder", required=True, type=_FILE, help="The directory of all keys.")
@click.argument("builders", nargs=-1, required=True, type=_FILE, callback=read_keys)
@json_option
def allow(repository: Path, folder: Path, builders: tuple[Key, ...], as_json: bool) -> None:
    """Accept the builds and tests of further workers, by their keys (.pub files) BUILDERS.

    Needs the offline key of targets in KEYS/offline, and the online keys. Where several people hold these keys, or a
    worker is only to build or only to test, use `farm keys draft targets --allow-builder PUB --allow-tester PUB`.

    \b
    Example:
      farm keys allow --repository public --keys keys worker-3/key.pub
    """
    from farm.trust.ceremony.ceremony import allow_more_builders
    from farm.trust.metadata.repository import Repository

    added = allow_more_builders(Repository(repository), folder, builders, datetime.now(UTC), testers=builders)
    tell_result([f"{counted(added, 'worker')} added"], {"added": added}, as_json=as_json)


@keys.command("new")
@click.argument("path", type=_FILE)
@click.option("--uri", help="The URI of a key in an HSM or a key service: hsm:2?label=farm.")
@click.option("--public", type=_FILE, help="Its public key, if it cannot be read from there.")
@json_option
def new(path: Path, uri: str | None, public: Path | None, as_json: bool) -> None:
    """Make an ed25519 key at PATH, or link to a key elsewhere by its --uri.

    The public key is written to PATH.pub, the URI to PATH.uri.

    \b
    Examples:
      farm keys new worker-3/key
      farm keys new keys/online/timestamp --uri 'hsm:2?label=farm'
    """
    from farm.trust.keys.key_files import create_key, key_to_dict, load_public_key
    from farm.trust.keys.signers import link_key

    if uri is None:
        if public is not None:
            raise click.UsageError("--public is an option of --uri.")
        key: Key = create_key(path).public_key
    else:
        known = load_public_key(public) if public else None
        key = link_key(path, uri, known, ask_secret)
    tell_result([f"{key.keyid}  {path}.pub"], {"path": f"{path}.pub"} | key_to_dict(key), as_json=as_json)


@keys.command("me")
@click.option("--name", help="Your name for curators.yaml.  [default: as given before, or your login name]")
@json_option
def me(name: str | None, as_json: bool) -> None:
    """Make your own key, once, and print its line for curators.yaml.

    `farm submit`, `farm submission`, `farm approve` and the orders of curators are signed with it. It is in
    FARM_STATE/keys/me, readable only for you. FARM_KEY names another key: a file, or a .uri file.

    \b
    Example:
      farm keys me --name alice
    """
    settings = Settings.from_environment()
    whose = name_to_be(settings, name)
    key, new = make_own_key(settings, whose)
    path, public = own_key_path(settings), str(key.keyval["public"])
    if not as_json:
        say(f"{'made' if new else 'exists already'}: {path}", err=True)
        say("line for curators.yaml, below your group:", err=True)
    tell_result(
        [f"  {whose}: {public}"], {"path": str(path), "name": whose, "key": public, "new": new}, as_json=as_json
    )


@keys.command("export")
@click.argument("public", type=_FILE)
@click.option("--pem", is_flag=True, help="Print PEM, for cosign and openssl.")
def export(public: Path, pem: bool) -> None:
    """Print a public key (a .pub file) as TUF's JSON, or as PEM.

    \b
    Example:
      farm keys export worker-1/key.pub --pem > worker-1.pem
    """
    from farm.trust.keys.key_files import KeyFileError, key_to_dict, load_public_key, public_pem

    key = load_public_key(public)
    if not pem:
        say_json(key_to_dict(key))
        return
    try:
        say_document(public_pem(key))
    except ValueError as error:
        raise KeyFileError(public, f"a key of kind {key.keytype} has no PEM: {error}", "Export it as JSON.") from error


@click.command("dns")
@click.argument("domain")
@click.option("--repository", required=True, type=click.Path(path_type=Path), help="The published directory.")
@click.option("--address", required=True, help="The http(s) URL of the directory for subscribers.")
@click.option(
    "--root", "version", type=int, default=1, show_default=True, help="The version of root that the record names."
)
@json_option
def record(domain: str, repository: Path, address: str, version: int, as_json: bool) -> None:
    """Print the DNS record of a distribution, as a line for the zone file of DOMAIN.

    It names the first root, from which every later root is verified, so it does not change. Name a later root when keys
    of an earlier one were stolen.

    \b
    Example:
      farm keys dns dist.example.org --repository public --address https://dist.example.org/repository
    """
    from farm.core.names.digest import Digest
    from farm.core.names.package_name import PackageName
    from farm.errors import FarmError
    from farm.trust.enrolment_record import EnrolmentRecord, checked_address, record_name
    from farm.trust.index.release_index import Release
    from farm.trust.layout import release_target
    from farm.trust.metadata.delegation import channels_of
    from farm.trust.metadata.repository import Repository

    PackageName(domain, "any")
    try:
        checked = checked_address(address)
    except ValueError as error:
        raise FarmError(str(error), remedy="Name the URL that subscribers use: https://….") from error
    place = Repository(repository)
    head = place.head()
    for channel in channels_of(head.targets):
        target = place.delegated(head, channel).targets.get(release_target(channel))
        owner = Release.from_json(place.read_target(target)).distribution if target else domain
        if owner != domain:
            raise FarmError(
                f"the repository in {repository} is that of {owner}, not of {domain}",
                remedy="Publish the record under the domain that the distribution is named for.",
            )
    root = place.read_metadata(f"{version}.root.json")
    made = EnrolmentRecord(checked, Digest.of(root))
    line = made.zone_line(domain)
    tell_result([line], {"name": record_name(domain), "text": str(made), "line": line}, as_json=as_json)
