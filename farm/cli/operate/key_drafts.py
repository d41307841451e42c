"""`farm keys show`, `draft`, `sign` and `publish`: changes of root and targets that several people sign.

Each verb imports the ceremony itself, which needs an extra; help and completion do without.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from farm.cli.groups import VerbGroup
from farm.cli.options import json_option, keys_option, names_option
from farm.cli.output import say, say_lines, tell_result
from farm.cli.personal_key import ask_secret, confirm_signing
from farm.core.files import values
from farm.core.files.matching import InvalidValueError
from farm.core.names.digest import Digest
from farm.store.durable_file import replace_file
from farm.trust.ceremony.pinned_root import LastSignedRoot
from farm.trust.keys.key_files import KeyFileError, load_public_key
from farm.trust.keys.signers import load_signer, read_signers
from farm.trust.metadata.repository import Repository
from farm.trust.metadata.roles import RoleKeys

if TYPE_CHECKING:
    from collections.abc import Callable

    from securesystemslib.signer import Key

    from farm.trust.ceremony.draft import Draft
    from farm.trust.metadata.key_names import KeyNames

_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


def _read_ids(_context: click.Context, _option: click.Parameter, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(load_public_key(Path(key)).keyid if Path(key).is_file() else key for key in keys)


def _read_operators(
    _context: click.Context, _option: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    operators = tuple((name, key) for name, _, key in (text.partition("=") for text in texts))
    for name, key in operators:
        try:
            values.word(name)
        except InvalidValueError as error:
            raise click.UsageError(f"--operator: {error.message} {error.remedy}") from error
        if not re.fullmatch(r"[0-9a-f]{64}", key):
            raise click.UsageError(
                "--operator takes NAME=KEY, with the 64 hexadecimal digits that `farm keys me` prints."
            )
    return operators


def _read_counts(
    _context: click.Context, option: click.Parameter, texts: tuple[str, ...]
) -> tuple[tuple[str, int], ...]:
    # int() would accept digits of other scripts, and fails on thousands of digits.
    counts = [re.fullmatch(r"([^=]+)=0*([1-9][0-9]{0,14})", text) for text in texts]
    if None in counts:
        raise click.UsageError(f"{option.opts[0]} takes CHANNEL=N, not {texts[counts.index(None)]!r}.")
    return tuple((count[1], int(count[2])) for count in counts if count)


_ids_option = partial(click.option, multiple=True, callback=_read_ids)
_counts_option = partial(click.option, multiple=True, metavar="CHANNEL=N", callback=_read_counts)


@click.command("show")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@names_option
@json_option
def show(path: Path, names: KeyNames, as_json: bool) -> None:
    """Show a draft and its signatures, a metadata file, a key, or a repository.

    \b
    Examples:
      farm keys show targets.draft
      farm keys show public --names .
    """
    from farm.cli.operate.key_sheet import sheet_of

    sheet, lines = sheet_of(path, names)
    tell_result(lines, sheet, as_json=as_json)


@click.group("draft", cls=VerbGroup)
def draft() -> None:
    """Write the next version of root or targets to a file, for its key holders to sign.

    Without further options, the draft is a renewal. Drafting again changes a draft that is not signed yet.

    \b
    Example:
      farm keys draft root --help
    """


def _edits(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--expires-days", "days", type=int, help="How long the metadata is valid.  [default: a year]"),
        click.option("--threshold", type=int, help="How many keys of the role must sign."),
        _ids_option("--remove-key", "removed", help="Remove a key, a .pub file or its ID; may be repeated."),
        keys_option("--add-key", "added", help="Add the key of a .pub file; may be repeated."),
        json_option,
        names_option,
        click.option("--repository", required=True, type=_FILE, help="The published directory."),
    ):
        function = option(function)
    return function


@draft.command("root")
@_edits
@click.option(
    "--role", default="root", show_default=True, help="The role whose keys change: root, targets, snapshot, timestamp."
)
@click.option("--out", type=_FILE, default=Path("root.draft"), show_default=True, help="The file of the draft.")
def draft_root(
    repository: Path,
    names: KeyNames,
    added: tuple[Key, ...],
    removed: tuple[str, ...],
    threshold: int | None,
    days: int | None,
    role: str,
    out: Path,
    as_json: bool,
) -> None:
    """Draft the next root: a renewal, or a change of the keys of a role.

    \b
    Example, when the key of the timestamp is lost:
      farm keys draft root --repository public --role timestamp --remove-key 1f2e3d --add-key new.pub
    """
    from farm.trust.ceremony.drafting import RoleEdit
    from farm.trust.ceremony.drafting import draft_root as next_root

    edit = RoleEdit(role, added, removed, threshold)
    made = next_root(Repository(repository), edit, datetime.now(UTC), days=days, start=_unsigned(out))
    _write(out, made, names, as_json=as_json)


@draft.command("targets")
@_edits
@click.option("--role", default="", help="The channel for --add-key, --remove-key and --threshold.")
@click.option("--add-channel", "channels", multiple=True, help="Add a channel, with its --key.")
@keys_option("--key", "keys", help="The .pub file of the key for --add-channel.")
@click.option("--remove-channel", "remove_channels", multiple=True, help="Remove a channel.")
@keys_option("--allow-builder", "allow_builders", help="Accept the builds of the worker with this .pub file.")
@_ids_option("--remove-builder", "remove_builders", help="Accept no more builds of a worker: .pub file or key ID.")
@_counts_option("--rebuilds", help="How many builders must agree on a package of a channel.")
@click.option(
    "--policy",
    "recipes",
    type=_FOLDER,
    metavar="RECIPES",
    help="Sign the policies, curators, owners, toolchains and steps of this tree of recipes.",
)
@click.option("--retire-earlier", is_flag=True, help="With --policy: stop accepting earlier toolchains and steps.")
@keys_option("--allow-tester", "allow_testers", help="Accept the tests of the worker with this .pub file.")
@_ids_option("--remove-tester", "remove_testers", help="Accept no more tests of a worker: .pub file or key ID.")
@_counts_option("--tests", help="How many testers must agree on a test of a channel.")
@keys_option("--preview-key", "allow_previews", help="Let the key with this .pub file sign previews.")
@_ids_option("--remove-preview-key", "remove_previews", help="Let a key sign no more previews: .pub file or key ID.")
@click.option(
    "--operator",
    "operators",
    multiple=True,
    metavar="NAME=KEY",
    callback=_read_operators,
    help="Allow a person to give the orders of curators: by public key.",
)
@click.option(
    "--remove-operator",
    "remove_operators",
    multiple=True,
    metavar="NAME",
    help="Stop allowing a person to give orders.",
)
@click.option("--for-root", type=_FILE, help="A draft of root, whose keys of targets sign too.")
@click.option("--out", type=_FILE, default=Path("targets.draft"), show_default=True, help="The file of the draft.")
def draft_targets(
    *,
    repository: Path,
    names: KeyNames,
    days: int | None,
    role: str,
    added: tuple[Key, ...],
    removed: tuple[str, ...],
    threshold: int | None,
    channels: tuple[str, ...],
    keys: tuple[Key, ...],
    recipes: Path | None,
    retire_earlier: bool,
    for_root: Path | None,
    out: Path,
    as_json: bool,
    **lists: Any,
) -> None:
    """Draft the next targets: a renewal, or changes of channels, workers or policy.

    \b
    Examples:
      farm keys draft targets --repository public --add-channel stable --key keys/online/stable.pub
      farm keys draft targets --repository public --role edge --remove-key 1f2e3d --add-key new.pub
      farm keys draft targets --repository public --remove-builder worker-2/key.pub
      farm keys draft targets --repository public --policy recipes
    """
    from farm.cli.operate.policy_signing import signed_policy
    from farm.trust.ceremony.drafting import RoleEdit, TargetsEdit
    from farm.trust.ceremony.drafting import draft_targets as next_targets
    from farm.trust.metadata.signed_policy import policy_in_force

    if retire_earlier and recipes is None:
        raise click.UsageError("--retire-earlier goes with --policy.")
    place = Repository(repository)
    edit = TargetsEdit(
        keys=RoleEdit(role, added, removed, threshold if role or not channels else None),
        add_roles=_new_channels(channels, keys, None if role else threshold),
        policy=signed_policy(recipes, None if retire_earlier else policy_in_force(place)) if recipes else None,
        **lists,  # the other options have the names of its fields
    )
    coming = read_draft(for_root) if for_root else None
    made = next_targets(place, edit, datetime.now(UTC), days=days, start=_unsigned(out), coming=coming)
    _write(out, made, names, as_json=as_json)


def _new_channels(
    channels: tuple[str, ...], keys: tuple[Key, ...], threshold: int | None
) -> tuple[tuple[str, RoleKeys], ...]:
    """Return the channels to add with their keys: one channel with all keys, or several with one each."""
    if len(channels) > 1 and len(keys) != len(channels):
        raise click.UsageError(
            "Several channels at once need one --key each; add a channel with several keys on its own."
        )
    if bool(channels) != bool(keys):
        raise click.UsageError("--add-channel and --key go together: NAME, and the .pub file of its online key.")
    groups = [keys] if len(channels) == 1 else [(key,) for key in keys]
    needed = 1 if threshold is None else threshold
    return tuple((name, RoleKeys(group, needed)) for name, group in zip(channels, groups, strict=True))


@click.command("sign")
@click.argument("path", metavar="DRAFT", type=_FILE)
@click.option("--key", required=True, type=_FILE, help="Your private key: a file, or a .uri file.")
@names_option
@click.option(
    "--root-fingerprint",
    metavar="DIGEST",
    help="The root that you know, if it is not the last one that this key has signed for.",
)
@click.option("--yes", is_flag=True, help="Sign without asking.")
@json_option
def sign(*, path: Path, key: Path, names: KeyNames, root_fingerprint: str | None, yes: bool, as_json: bool) -> None:
    """Show the changes of DRAFT, ask, and add your signature.

    Needs neither network nor repository. The root that you have signed for is remembered beside the key. A draft that
    is based on another root is refused, unless the keys of the known root have signed it as a later one, or you give
    its fingerprint.

    \b
    Example:
      farm keys sign targets.draft --key ann.key
    """
    from farm.cli.operate.key_sheet import draft_lines, draft_sheet

    found = read_draft(path)
    found.check()
    signer = load_signer(key, ask_secret)
    found.check_may_sign(signer.public_key)
    known = LastSignedRoot.beside(key)
    known.check(found, Digest(root_fingerprint) if root_fingerprint is not None else None)
    # The signer sees the changes; a program that reads JSON gets the result.
    say_lines(draft_lines(found, names), err=as_json)
    if not yes:
        confirm_signing(f"Sign with the key {signer.public_key.keyid[:16]}…?", str(path))
    signed = found.signed_by(signer)
    _keep(known, found)
    replace_file(path, signed.to_json())
    missing = [f"{quorum.missing} more for {quorum.name}" for quorum in signed.quorums() if quorum.missing]
    state = f"needs {', '.join(missing)}" if missing else "can be published"
    tell_result([f"signed: {path} {state}"], {"path": str(path)} | draft_sheet(signed, names), as_json=as_json)


@click.command("publish")
@click.argument("paths", metavar="DRAFT...", nargs=-1, required=True, type=_FILE)
@click.option("--repository", required=True, type=_FILE, help="The directory to be published.")
@click.option("--online", required=True, type=_FILE, help="The directory of online keys.")
@json_option
def publish(paths: tuple[Path, ...], repository: Path, online: Path, as_json: bool) -> None:
    """Publish a draft that enough people have signed.

    Joins copies of a draft that were signed separately. Can be repeated after an interruption.

    \b
    Example:
      farm keys publish targets.draft --repository public --online keys/online
    """
    from farm.trust.ceremony.draft import Draft
    from farm.trust.ceremony.promotion import publish_draft

    found = reduce(Draft.joined, map(read_draft, paths))
    if not online.is_dir():
        raise KeyFileError(online, "it is not a directory", "Name the directory of online keys: KEYS/online.")
    place = Repository(repository)
    done = publish_draft(place, found, read_signers(online), datetime.now(UTC))
    fingerprint = Digest.of(place.read_metadata(f"{found.version}.root.json")) if found.role == "root" else None
    lines = [f"{found.role} version {found.version} is {'published already' if done.already else 'in force'}"]
    lines += [
        f"not all old keys of {role} are here: a client that is just checking has to try again" for role in done.gap
    ]
    if fingerprint:
        lines.append(f"fingerprint   {fingerprint}" + ("  (announce it to subscribers)" if found.version == 1 else ""))
    sheet = {"role": found.role, "version": found.version, "already": done.already, "gap": list(done.gap)}
    tell_result(lines, sheet | {"fingerprint": fingerprint}, as_json=as_json)


def read_draft(path: Path) -> Draft:
    """Read a draft's file; raises `DraftError`."""
    from farm.trust.ceremony.draft import Draft, DraftError

    try:
        content = path.read_bytes()
    except OSError as error:
        raise DraftError(f"cannot read {path}: {error.strerror}", remedy="Name the file of a draft.") from error
    return Draft.from_json(content)


def _keep(known: LastSignedRoot, draft: Draft) -> None:
    """Remember the root that was signed for; the key may be in a read-only directory."""
    try:
        known.keep(draft)
    except OSError as error:
        say(f"warning: the root is not remembered: cannot write {known.path}: {error.strerror}", err=True)


def _unsigned(path: Path) -> Draft | None:
    return read_draft(path) if path.exists() else None


def _write(path: Path, made: Draft, names: KeyNames, *, as_json: bool) -> None:
    from farm.cli.operate.key_sheet import draft_lines, draft_sheet

    replace_file(path, made.to_json())
    hint = f"written to {path}; have it signed with `farm keys sign {path} --key KEY`"
    tell_result([*draft_lines(made, names), hint], {"path": str(path)} | draft_sheet(made, names), as_json=as_json)
