"""The descriptor of a package: small and canonical; its digest is the package's identity everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from farm.core.names.declared import DeclaresSensitiveFiles, HostNeeds, Plugin, SensitiveFile
from farm.core.names.digest import Digest
from farm.core.names.form import Minimum
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.errors import FarmError


class InvalidDescriptorError(FarmError):
    """Bytes are not a descriptor, or not in canonical form."""

    code = "invalid-descriptor"


@dataclass(frozen=True, kw_only=True)
class Descriptor(DeclaresSensitiveFiles, record="descriptor", keys={"license": "licence"}, omitted={"sensitive_files"}):
    """What sets, clients and users need to know about a package without opening it. Every tuple is sorted and unique.

    `requires` and `provides` are capabilities (`farm.core.package.capabilities`), `links` pairs of a path in the root
    (`usr/bin/sh`) and a path in the package (`bin/bash`), `replaces` short names, `license` an SPDX expression.
    `sensitive_files` are paths of single files in the package, each with its reason.
    """

    _error = InvalidDescriptorError

    # Not slotted, so that its digest, which is used everywhere, is computed once.
    name: PackageName
    version: Version
    revision: Annotated[int, Minimum(1)]
    platform: Platform
    tree: Digest
    diff_id: Digest
    facts: Digest
    plan: Digest
    license: str
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    replaces: tuple[str, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    host: HostNeeds = field(default_factory=HostNeeds)
    sensitive_files: tuple[SensitiveFile, ...] = ()

    def __post_init__(self) -> None:
        # Whatever the caller's order: the same package has the same descriptor.
        for name in ("requires", "provides", "links", "replaces"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        plugins = sorted(set(self.plugins), key=lambda plugin: (plugin.path, plugin.loader))
        object.__setattr__(self, "plugins", tuple(plugins))
        sensitive = sorted(set(self.sensitive_files), key=lambda file: (file.path, file.reason))
        object.__setattr__(self, "sensitive_files", tuple(sensitive))

    def check(self) -> None:
        """Refuse a sensitive file without a reason. Raises `InvalidDescriptorError`."""
        if not all(file.reason.strip() for file in self.sensitive_files):
            raise InvalidDescriptorError("a sensitive file is declared without a reason")

    @classmethod
    def from_dict(cls, value: Any) -> Descriptor:
        """Read the result of `to_dict`, and nothing that is not written in the same way.

        Raises `InvalidDescriptorError`, `InvalidRecordError`, and the errors of names.
        """
        descriptor = super().from_dict(value)
        if descriptor.to_dict() != value:
            raise InvalidDescriptorError("this descriptor is not in canonical form")
        return descriptor

    @classmethod
    def from_json(cls, data: bytes) -> Descriptor:
        """Read a canonical descriptor; anything that does not encode to the very same bytes is refused.

        Raises `InvalidDescriptorError`.
        """
        try:
            return cls.read_json(data, InvalidDescriptorError, canonical=True)
        except InvalidDescriptorError:
            raise
        except FarmError as error:
            raise InvalidDescriptorError(f"this is not a valid descriptor: {error!s:.200}") from error

    @cached_property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: the identity of the package in releases, SBOMs and attestations."""
        return Digest.of(self.to_json())

    @property
    def store_path(self) -> str:
        """The name of its directory under `/packages`, as in `Manifest.store_path`."""
        return f"{self.name.short}-{self.version}-{self.tree.store_key}"

    @property
    def label(self) -> str:
        """Its label for users within a set: `jq 1.7.1-1`."""
        return f"{self.name.short} {self.version}-{self.revision}"

    @property
    def sort_key(self) -> tuple[PackageName, Version, int]:
        """Sort by name, then version, then revision: the last of one name is the newest."""
        return self.name, self.version, self.revision
