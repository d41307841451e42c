"""Credentials for a registry, as `docker login` and `podman login` store them."""

from __future__ import annotations

import base64
import binascii
import json
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DOCKER_HUB = "docker.io"
_HUB_KEY = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TOKEN_USER = "<token>"  # noqa: S105  # what a helper names as the user of an identity token
_HELPER_SECONDS = 30


class CredentialsError(FarmError):
    """The file of credentials, or the program that it names, cannot be used."""

    code = "registry-credentials"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password, or an identity token; all are empty for an anonymous user."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header; empty without a name."""
        if not self.username:
            return ""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def credentials_for(host: str, file: Path) -> Credentials:
    """Return the credentials for a registry in Docker's `config.json`, or empty ones. Raises `CredentialsError`."""
    try:
        form = json.loads(file.read_bytes())
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{file} cannot be read: {error}", remedy="Correct it, or log in again.") from error
    if not isinstance(form, dict):
        return Credentials()
    keys = [host, f"https://{host}", f"http://{host}", *([_HUB_KEY] if host == DOCKER_HUB else [])]
    helpers = form.get("credHelpers") or {}
    helper = next((helpers[key] for key in keys if key in helpers), form.get("credsStore") or "")
    if helper:
        found = _ask(str(helper), _HUB_KEY if host == DOCKER_HUB else host)
        if found.username or found.identity_token:
            return found
    stored = form.get("auths") or {}
    return next((_stored(file, stored[key]) for key in keys if stored.get(key)), Credentials())


def _stored(file: Path, entry: Mapping[str, Any]) -> Credentials:
    username, password = str(entry.get("username", "")), str(entry.get("password", ""))
    if entry.get("auth"):
        try:
            username, _, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise CredentialsError(f"{file} has an `auth` that is not base64", remedy="Log in again.") from error
    return Credentials(username, password, str(entry.get("identitytoken", "")))


def _ask(helper: str, server: str) -> Credentials:
    """Ask a credential helper (docker-credential-helpers, "get")."""
    if not _HELPER.fullmatch(helper):
        raise CredentialsError(f"{helper[:80]!r} is not the name of a credential helper")
    command = [f"docker-credential-{helper}", "get"]
    try:
        done = subprocess.run(command, input=server.encode(), capture_output=True, check=False, timeout=_HELPER_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CredentialsError(f"{command[0]} cannot be run: {error}", remedy="Log in without it.") from error
    if done.returncode:  # it has nothing for this server
        return Credentials()
    try:
        form = json.loads(done.stdout)
        user, secret = str(form["Username"]), str(form["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise CredentialsError(f"{command[0]} gave an unreadable answer") from error
    return Credentials(identity_token=secret) if user == _TOKEN_USER else Credentials(user, secret)
