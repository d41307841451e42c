"""`farm keys draft`, `sign` and `publish`: changes of root and targets that several people sign."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from farm.cli.groups import VerbGroup
from farm.cli.options import json_option, names_option
from farm.cli.output import say, say_json, say_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from securesystemslib.signer import Key

    from farm.trust.ceremony.draft import Draft
    from farm.trust.ceremony.drafting import TargetsEdit
    from farm.trust.ceremony.pinned_root import KnownRoot

_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)


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
        click.option(
            "--remove-key", "removed", multiple=True, help="Remove a key, a .pub file or its ID; may be repeated."
        ),
        click.option(
            "--add-key", "added", multiple=True, type=_FILE, help="Add the key of a .pub file; may be repeated."
        ),
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
    named: tuple[Path, ...],
    added: tuple[Path, ...],
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
    from farm.trust.metadata.repository import Repository

    edit = RoleEdit(role, _public_keys(added), _key_ids(removed), threshold)
    made = next_root(Repository(repository), edit, datetime.now(UTC), days=days, start=_unsigned(out))
    _write(out, made, named, as_json=as_json)


@draft.command("targets")
@_edits
@click.option("--role", default="", help="The channel for --add-key, --remove-key and --threshold.")
@click.option("--add-channel", "channels", multiple=True, help="Add a channel, with its --key.")
@click.option("--key", "keys", multiple=True, type=_FILE, help="The .pub file of the key for --add-channel.")
@click.option("--remove-channel", "dropped", multiple=True, help="Remove a channel.")
@click.option(
    "--allow-builder", "allowed", multiple=True, type=_FILE, help="Accept the builds of the worker with this .pub file."
)
@click.option(
    "--remove-builder", "refused", multiple=True, help="Accept no more builds of a worker: .pub file or key ID."
)
@click.option(
    "--rebuilds", multiple=True, metavar="CHANNEL=N", help="How many builders must agree on a package of a channel."
)
@click.option(
    "--policy",
    type=_FOLDER,
    metavar="RECIPES",
    help="Sign the policies, curators, owners, toolchains and steps of this tree of recipes.",
)
@click.option("--retire-earlier", is_flag=True, help="With --policy: stop accepting earlier toolchains and steps.")
@click.option(
    "--allow-tester", "testers", multiple=True, type=_FILE, help="Accept the tests of the worker with this .pub file."
)
@click.option(
    "--remove-tester", "distrusted", multiple=True, help="Accept no more tests of a worker: .pub file or key ID."
)
@click.option("--tests", multiple=True, metavar="CHANNEL=N", help="How many testers must agree on a test of a channel.")
@click.option(
    "--operator",
    "operators",
    multiple=True,
    metavar="NAME=KEY",
    help="Allow a person to give the orders of curators: by public key.",
)
@click.option(
    "--remove-operator", "dismissed", multiple=True, metavar="NAME", help="Stop allowing a person to give orders."
)
@click.option("--for-root", type=_FILE, help="A draft of root, whose keys of targets sign too.")
@click.option("--out", type=_FILE, default=Path("targets.draft"), show_default=True, help="The file of the draft.")
def draft_targets(
    repository: Path,
    named: tuple[Path, ...],
    days: int | None,
    policy: Path | None,
    retire_earlier: bool,
    for_root: Path | None,
    out: Path,
    as_json: bool,
    **asked: object,
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
    from farm.trust.ceremony.drafting import draft_targets as next_targets
    from farm.trust.metadata.repository import Repository
    from farm.trust.metadata.signed_policy import policy_in_force

    if retire_earlier and policy is None:
        raise click.UsageError("--retire-earlier goes with --policy.")
    place = Repository(repository)
    made = next_targets(
        place,
        replace(
            _targets_edit(**asked),  # type: ignore[arg-type]  # Click's values, by the names above
            policy=signed_policy(policy, None if retire_earlier else policy_in_force(place)) if policy else None,
        ),
        datetime.now(UTC),
        days=days,
        start=_unsigned(out),
        coming=read_draft(for_root) if for_root else None,
    )
    _write(out, made, named, as_json=as_json)


def _targets_edit(
    *,
    added: tuple[Path, ...],
    removed: tuple[str, ...],
    threshold: int | None,
    role: str,
    channels: tuple[str, ...],
    keys: tuple[Path, ...],
    dropped: tuple[str, ...],
    allowed: tuple[Path, ...],
    refused: tuple[str, ...],
    rebuilds: tuple[str, ...],
    testers: tuple[Path, ...],
    distrusted: tuple[str, ...],
    tests: tuple[str, ...],
    operators: tuple[str, ...],
    dismissed: tuple[str, ...],
) -> TargetsEdit:
    from farm.trust.ceremony.drafting import RoleEdit, TargetsEdit
    from farm.trust.metadata.roles import RoleKeys

    if len(channels) > 1 and len(keys) != len(channels):
        raise click.UsageError(
            "Several channels at once need one --key each; add a channel with several keys on its own."
        )
    if bool(channels) != bool(keys):
        raise click.UsageError("--add-channel and --key go together: NAME, and the .pub file of its online key.")
    public = _public_keys(keys)
    own = threshold if threshold is not None and not role else 1
    groups = [public] if len(channels) == 1 else [(key,) for key in public]
    return TargetsEdit(
        keys=RoleEdit(role, _public_keys(added), _key_ids(removed), threshold if role or not channels else None),
        add_roles=tuple((name, RoleKeys(group, own)) for name, group in zip(channels, groups, strict=True)),
        remove_channels=dropped,
        allow_builders=_public_keys(allowed),
        remove_builders=_key_ids(refused),
        rebuilds=tuple(_count(rebuild, "--rebuilds") for rebuild in rebuilds),
        allow_testers=_public_keys(testers),
        remove_testers=_key_ids(distrusted),
        tests=tuple(_count(test, "--tests") for test in tests),
        operators=tuple(map(_operator, operators)),
        remove_operators=dismissed,
    )


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
def sign(
    *, path: Path, key: Path, named: tuple[Path, ...], root_fingerprint: str | None, yes: bool, as_json: bool
) -> None:
    """Show the changes of DRAFT, ask, and add your signature.

    Needs neither network nor repository. The root that you have signed for is remembered beside the key. A draft that
    is based on another root is refused, unless the keys of the known root have signed it as a later one, or you give
    its fingerprint.

    \b
    Example:
      farm keys sign targets.draft --key ann.key
    """
    from farm.cli.operate.key_sheet import draft_lines, draft_sheet
    from farm.core.names.digest import Digest
    from farm.store.durable_file import replace_file
    from farm.trust.ceremony.draft import DraftError
    from farm.trust.ceremony.pinned_root import KnownRoot
    from farm.trust.keys.signers import load_signer
    from farm.trust.metadata.key_names import KeyNames

    found = read_draft(path)
    found.check()
    names = KeyNames.beneath(named)
    signer = load_signer(key, lambda name: str(click.prompt(name, hide_input=True, err=True)))
    found.check_may_sign(signer.public_key)
    known = KnownRoot.beside(key)
    known.check(found, Digest(root_fingerprint) if root_fingerprint is not None else None)
    # The signer sees the changes; a program that reads JSON gets the result.
    say_lines(draft_lines(found, names), err=as_json)
    if not yes:
        try:
            agreed = click.confirm(f"Sign with the key {signer.public_key.keyid[:16]}…?", err=True)
        except click.Abort:
            agreed = False
        if not agreed:
            raise DraftError(f"{path} was not signed", remedy="Run it again and answer y, or use --yes.")
    signed = found.signed_by(signer)
    _keep(known, found)
    replace_file(path, signed.to_json())
    if as_json:
        say_json({"path": str(path)} | draft_sheet(signed, names))
        return
    missing = [f"{quorum.missing} more for {quorum.name}" for quorum in signed.quorums() if quorum.missing]
    say(f"signed: {path} needs {', '.join(missing)}" if missing else f"signed: {path} can be published")


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
    from farm.core.names.digest import Digest
    from farm.trust.ceremony.promotion import publish_draft
    from farm.trust.keys.key_files import KeyFileError
    from farm.trust.keys.signers import read_signers
    from farm.trust.metadata.repository import Repository

    found = read_draft(paths[0])
    for path in paths[1:]:
        found = found.joined(read_draft(path))
    if not online.is_dir():
        raise KeyFileError(online, "it is not a directory", "Name the directory of online keys: KEYS/online.")
    place = Repository(repository)
    done = publish_draft(place, found, read_signers(online), datetime.now(UTC))
    print_of = Digest.of(place.read_metadata(f"{found.version}.root.json")) if found.role == "root" else None
    if as_json:
        sheet = {"role": found.role, "version": found.version, "already": done.already, "gap": list(done.gap)}
        say_json(sheet | {"fingerprint": print_of})
        return
    say(f"{found.role} version {found.version} is {'published already' if done.already else 'in force'}")
    for role in done.gap:
        say(f"not all old keys of {role} are here: a client that is just checking has to try again")
    if print_of:
        say(f"fingerprint   {print_of}" + ("  (announce it to subscribers)" if found.version == 1 else ""))


def read_draft(path: Path) -> Draft:
    """Read a draft's file; raises `DraftError`."""
    from farm.trust.ceremony.draft import Draft, DraftError

    try:
        content = path.read_bytes()
    except OSError as error:
        raise DraftError(f"cannot read {path}: {error.strerror}", remedy="Name the file of a draft.") from error
    return Draft.from_json(content)


def _keep(known: KnownRoot, draft: Draft) -> None:
    """Remember the root that was signed for; the key may be in a read-only directory."""
    try:
        known.keep(draft)
    except OSError as error:
        say(f"warning: the root is not remembered: cannot write {known.path}: {error.strerror}", err=True)


def _unsigned(path: Path) -> Draft | None:
    return read_draft(path) if path.exists() else None


def _write(path: Path, made: Draft, named: tuple[Path, ...], *, as_json: bool) -> None:
    from farm.cli.operate.key_sheet import draft_lines, draft_sheet
    from farm.store.durable_file import replace_file
    from farm.trust.metadata.key_names import KeyNames

    names = KeyNames.beneath(named)
    replace_file(path, made.to_json())
    if as_json:
        say_json({"path": str(path)} | draft_sheet(made, names))
        return
    say_lines(draft_lines(made, names))
    say(f"written to {path}; have it signed with `farm keys sign {path} --key KEY`")


def _public_keys(paths: tuple[Path, ...]) -> tuple[Key, ...]:
    from farm.trust.keys.key_files import load_public_key

    return tuple(load_public_key(path) for path in paths)


def _key_ids(named: tuple[str, ...]) -> tuple[str, ...]:
    from farm.trust.keys.key_files import load_public_key

    return tuple(load_public_key(Path(each)).keyid if Path(each).is_file() else each for each in named)


def _operator(text: str) -> tuple[str, str]:
    from farm.core.files import values as names

    name, _, key = text.partition("=")
    try:
        names.word(name)
    except names.InvalidValueError as error:
        raise click.UsageError(f"--operator: {error.message} {error.remedy}") from error
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise click.UsageError("--operator takes NAME=KEY, with the 64 hexadecimal digits that `farm keys me` prints.")
    return name, key


def _count(text: str, option: str) -> tuple[str, int]:
    channel, equals, count = text.partition("=")
    # int() would accept digits of other scripts, and fails on thousands of digits.
    if not equals or not channel or not (count.isascii() and count.isdigit() and len(count) < 16) or int(count) < 1:
        raise click.UsageError(f"{option} takes CHANNEL=N, not {text!r}.")
    return channel, int(count)
