"""A draft, a metadata file, a key or a repository, in lines and as JSON values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Role, Root, Targets

from farm.core.names.digest import Digest
from farm.trust.ceremony.changes import changes_of
from farm.trust.ceremony.draft import Draft, DraftError
from farm.trust.keys.key_files import key_to_dict, load_public_key
from farm.trust.metadata.builders_in_force import builders_in_force
from farm.trust.metadata.delegation import TOP_ROLES, delegated_roles, role_of
from farm.trust.metadata.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from securesystemslib.signer import Key

    from farm.trust.metadata.key_names import KeyNames


def draft_lines(draft: Draft, names: KeyNames) -> list[str]:
    """Return the changes of a draft and its signers; `names` are the user's names of keys."""
    lines = [f"draft of {draft.role}, version {draft.version}"]
    lines += [f"  {line}" for line in changes_of(draft, names)]
    for quorum in draft.quorums():
        missing = f"{quorum.missing} missing" if quorum.missing else "enough"
        lines.append(f"signatures of {quorum.name}: {len(quorum.signed)} of {quorum.threshold} needed, {missing}")
        lines += [f"  signed   {names.beside(key, key.keyid)}" for key in quorum.signed]
        lines += [f"  not yet  {names.beside(key, key.keyid)}" for key in quorum.unsigned]
    return lines


def sheet_of(path: Path, names: KeyNames) -> tuple[Any, list[str]]:
    """Return a file or a directory as JSON values, and in lines. Raises `DraftError` for any other content."""
    if path.is_dir():
        roles = list(_repository(path, names))
        return roles, [line for sheet in roles for line in _role_lines(sheet)]
    try:
        content = path.read_bytes()
        form = json.loads(content)
    except (OSError, ValueError) as error:
        raise DraftError(
            f"cannot read {path}: {error}", remedy="Name a draft, a metadata file, a .pub file or a repository."
        ) from error
    if isinstance(form, dict) and "farm-draft" in form:
        draft = Draft.from_json(content)
        return draft_sheet(draft, names), draft_lines(draft, names)
    if isinstance(form, dict) and "signed" in form:
        sheet = _metadata_sheet(path.name, content, names)
        return sheet, list(_metadata_lines(sheet))
    key = load_public_key(path)
    return key_to_dict(key), [names.beside(key, f"public key {key.keyid} ({key.scheme})")]


def draft_sheet(draft: Draft, names: KeyNames) -> dict[str, Any]:
    """Return a draft, its changes and its signatures as JSON values."""
    return {
        "kind": "draft",
        "role": draft.role,
        "version": draft.version,
        "expires": draft.metadata.signed.expires.isoformat(),
        "changes": changes_of(draft, names),
        "signatures": [
            {
                "of": quorum.name,
                "needed": quorum.threshold,
                "missing": quorum.missing,
                "signed": [key.keyid for key in quorum.signed],
                "unsigned": [key.keyid for key in quorum.unsigned],
            }
            for quorum in draft.quorums()
        ],
    }


def _metadata_sheet(name: str, content: bytes, names: KeyNames) -> dict[str, Any]:
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(content)
    except RepositoryError as error:
        raise DraftError(f"{name} is not a metadata file: {error}") from error
    signed = metadata.signed
    roles: list[dict[str, Any]] = []
    if isinstance(signed, Root):
        roles = [_role_sheet(role, keys, signed.keys, names) for role, keys in sorted(signed.roles.items())]
    elif isinstance(signed, Targets) and signed.delegations:
        delegated = signed.delegations.roles or {}
        roles = [_role_sheet(role, keys, signed.delegations.keys, names) for role, keys in sorted(delegated.items())]
    return {
        "kind": signed.type,
        "version": signed.version,
        "expires": signed.expires.isoformat(),
        "fingerprint": Digest.of(content),
        "signed-by": sorted(metadata.signatures),
        "roles": roles,
        "targets": sorted(signed.targets) if isinstance(signed, Targets) else [],
    }


def _metadata_lines(sheet: dict[str, Any]) -> Iterator[str]:
    yield f"{sheet['kind']} metadata, version {sheet['version']}, valid until {sheet['expires']}"
    yield f"  fingerprint {sheet['fingerprint']}"
    yield from (f"  signed by {keyid}" for keyid in sheet["signed-by"])
    yield from (f"  signs {path}" for path in sheet["targets"])
    for role in sheet["roles"]:
        yield from (f"  {line}" for line in _role_lines(role))


def _repository(root: Path, names: KeyNames) -> Iterator[dict[str, Any]]:
    """Yield a sheet for every role in force, with version and expiry; that of targets has builders and testers too."""
    repository = Repository(root)
    head = repository.head()
    builders, listed = builders_in_force(repository)
    allowed = {
        "builders": [_key_sheet(builder.key, names) | {"since-targets-version": builder.since} for builder in builders],
        "rebuilds": listed.rebuilds,
    }
    if listed.testers is not None:
        testers = [_key_sheet(listed.testers[keyid], names) for keyid in sorted(listed.testers)]
        allowed |= {"testers": testers, "tests": listed.tests}
    if listed.operators:
        allowed |= {"operators": listed.operators}
    for name in TOP_ROLES:
        state = _state(getattr(head, name)) | (allowed if name == "targets" else {})
        yield _role_sheet(name, head.root.roles[name], head.root.keys, names) | state
    keys = head.targets.delegations.keys if head.targets.delegations else {}
    for name in delegated_roles(head.targets):
        state = _state(repository.delegated(head, name))
        yield _role_sheet(name, role_of(head.targets, name), keys, names) | state


def _state(document: Any) -> dict[str, Any]:
    return {"version": document.version, "expires": document.expires.isoformat()}


def _role_sheet(name: str, role: Role, keys: dict[str, Key], names: KeyNames) -> dict[str, Any]:
    known = [keys[keyid] for keyid in role.keyids if keyid in keys]
    return {"role": name, "threshold": role.threshold, "keys": [_key_sheet(key, names) for key in known]}


def _key_sheet(key: Key, names: KeyNames) -> dict[str, Any]:
    name = names.of(key)
    return {"keyid": key.keyid, "scheme": key.scheme} | ({"name": name} if name else {})


def _role_lines(sheet: dict[str, Any]) -> Iterator[str]:
    state = f"version {sheet['version']}, valid until {sheet['expires']}, " if "version" in sheet else ""
    yield f"{sheet['role']}: {state}{sheet['threshold']} of {len(sheet['keys'])} keys must sign"
    yield from (f"  {_key_line(key)}" for key in sheet["keys"])
    for builder in sheet.get("builders", ()):
        since = builder["since-targets-version"]
        yield f"  builder {_key_line(builder)}" + (f", since version {since}" if since else ", since an older version")
    for channel, count in sorted(sheet.get("rebuilds", {}).items()):
        yield f"  {count} builders must agree on a package of {channel}"
    yield from (f"  tester {_key_line(tester)}" for tester in sheet.get("testers", ()))
    for channel, count in sorted(sheet.get("tests", {}).items()):
        yield f"  {count} testers must agree on a test of {channel}"
    yield from (f"  operator {name} {key}" for name, key in sorted(sheet.get("operators", {}).items()))
    if "builders" in sheet and not sheet.get("testers"):
        yield (
            "  no tester: no test result counts"
            if "testers" in sheet
            else (
                "  testers are not listed: the test results of every enrolled worker count (--allow-tester lists them)"
            )
        )


def _key_line(key: dict[str, Any]) -> str:
    return f"{key['keyid']} ({key['scheme']})" + (f" {key['name']}" if "name" in key else "")
