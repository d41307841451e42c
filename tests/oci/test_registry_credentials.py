"""Credentials as `docker login` writes them: in plain text, for Docker Hub, or in a helper."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from farm.oci.registry_credentials import Credentials, CredentialsError, credentials_for

if TYPE_CHECKING:
    from pathlib import Path


def written(tmp_path: Path, form: Any) -> Path:
    (tmp_path / "config.json").write_text(json.dumps(form))
    return tmp_path / "config.json"


def test_nobody_has_logged_in(tmp_path: Path) -> None:
    assert credentials_for("r.example", tmp_path / "config.json") == Credentials()
    assert credentials_for("r.example", written(tmp_path, {"auths": {"other": {"auth": "eDp5"}}})) == Credentials()


def test_a_password_with_a_colon(tmp_path: Path) -> None:
    file = written(tmp_path, {"auths": {"https://r.example": {"auth": "eDp5Ono="}}})
    assert credentials_for("r.example", file) == Credentials("x", "y:z")


def test_docker_hub_has_a_key_of_its_own(tmp_path: Path) -> None:
    file = written(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": "eDp5"}}})
    assert credentials_for("docker.io", file) == Credentials("x", "y")


def test_a_password_is_in_no_message() -> None:
    assert "secret" not in repr(Credentials("x", "secret", "secret"))


@pytest.mark.parametrize("auth", ["%%%", "/w=="])
def test_what_is_no_base64_is_an_error(tmp_path: Path, auth: str) -> None:
    with pytest.raises(CredentialsError, match="not base64"):
        credentials_for("r.example", written(tmp_path, {"auths": {"r.example": {"auth": auth}}}))


def test_a_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-here"
    helper.write_text('#!/bin/sh\nread server\necho "{\\"Username\\": \\"u@$server\\", \\"Secret\\": \\"s\\"}"\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for form in ({"credsStore": "here"}, {"credHelpers": {"r.example": "here"}}):
        assert credentials_for("r.example", written(tmp_path, form)) == Credentials("u@r.example", "s")
    with pytest.raises(CredentialsError, match="not the name of a credential helper"):
        credentials_for("r.example", written(tmp_path, {"credsStore": "../x"}))
