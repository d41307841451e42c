"""The descriptor of a package: small, canonical, and by its digest the package's identity everywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from farm.core.names.canonical_json import canonical_json
from farm.core.names.declared import HostNeeds, Plugin, SensitiveFile
from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.names.platform import Platform
from farm.core.names.version import Version
from farm.errors import FarmError

FORMAT = 2
"""The newest form. It is written only where there is something in it that the first one cannot say: so descriptors of
before keep their digests, and a client of before refuses a package whose sensitive files it could not show."""
_FIRST_FORMAT = 1


class InvalidDescriptorError(FarmError):
    """Bytes that should be a descriptor are not one, or not in canonical form."""

    code = "invalid-descriptor"


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """What a set, a client and a person must know of a package without opening it. Every tuple is sorted and unique.

    `requires` and `provides` are capabilities (`farm.core.package.capabilities`), `links` pairs of a path in the root
    (`usr/bin/sh`) and a path in the package (`bin/bash`), `replaces` short names, `license` an SPDX expression.
    `sensitive_files` are paths of single files in the package, each with its reason.
    """

    # Not slotted, so that its digest, by which everything knows it, is worked out once.
    name: PackageName
    version: Version
    revision: int
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
        # However a caller found them: the same package has the same descriptor.
        for name in ("requires", "provides", "links", "replaces"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        plugins = sorted(set(self.plugins), key=lambda plugin: (plugin.path, plugin.loader))
        object.__setattr__(self, "plugins", tuple(plugins))
        sensitive = sorted(set(self.sensitive_files), key=lambda file: (file.path, file.reason))
        object.__setattr__(self, "sensitive_files", tuple(sensitive))

    def to_dict(self) -> dict[str, Any]:
        """Return the descriptor as its canonical JSON spells it."""
        sensitive = [file.to_dict() for file in self.sensitive_files]
        return ({"sensitive-files": sensitive} if sensitive else {}) | {
            "format": FORMAT if sensitive else _FIRST_FORMAT,
            "name": str(self.name),
            "version": str(self.version),
            "revision": self.revision,
            "platform": str(self.platform),
            "tree": self.tree,
            "diff-id": self.diff_id,
            "facts": self.facts,
            "plan": self.plan,
            "licence": self.license,
            "requires": self.requires,
            "provides": self.provides,
            "links": self.links,
            "replaces": self.replaces,
            "plugins": [plugin.to_dict() for plugin in self.plugins],
            "host": self.host.to_dict(),
        }

    def to_json(self) -> bytes:
        """Return the canonical JSON (RFC 8785), of which the package's identity is the digest."""
        return canonical_json(self.to_dict())

    @classmethod
    def from_json(cls, data: bytes) -> Descriptor:
        """Read a canonical descriptor; anything that does not encode to the very same bytes is refused.

        Raises `InvalidDescriptorError`.
        """
        try:
            document = json.loads(data)
            if document["format"] not in (_FIRST_FORMAT, FORMAT):
                raise InvalidDescriptorError(
                    f"this descriptor has format {document['format']!r:.100}, this farm reads up to format {FORMAT}",
                    remedy="Upgrade the farm.",
                )
            descriptor = cls._from_dict(document)
            canonical = descriptor.to_json()
        except InvalidDescriptorError:
            raise
        except (FarmError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidDescriptorError(f"this is not a descriptor: {error!r:.200}") from error
        if canonical != data:
            raise InvalidDescriptorError("this descriptor is not in canonical form")
        return descriptor

    @classmethod
    def _from_dict(cls, document: dict[str, Any]) -> Descriptor:
        """Make the value; unknown members and wrong order show when it is encoded again, wrong types are told here."""
        revision, host = document["revision"], document["host"]
        if type(revision) is not int or revision < 1:
            raise InvalidDescriptorError(f"the revision {revision!r:.100} is not a number from 1 on")
        return cls(
            name=PackageName.parse(document["name"]),
            version=Version(document["version"]),
            revision=revision,
            platform=Platform.parse(document["platform"]),
            tree=Digest(document["tree"]),
            diff_id=Digest(document["diff-id"]),
            facts=Digest(document["facts"]),
            plan=Digest(document["plan"]),
            license=_text(document["licence"]),
            requires=_texts(document["requires"]),
            provides=_texts(document["provides"]),
            links=tuple((_text(path), _text(target)) for path, target in document["links"]),
            replaces=_texts(document["replaces"]),
            plugins=tuple(Plugin(_text(item["path"]), _text(item["loader"])) for item in document["plugins"]),
            host=HostNeeds(
                _text(host["kernel"]),
                _texts(host["features"]),
                _texts(host["capabilities"]),
                _texts(host["devices"]) if "devices" in host else (),
            ),
            sensitive_files=tuple(
                SensitiveFile(_text(item["path"]), _reason(item["reason"]))
                for item in document.get("sensitive-files", ())
            ),
        )

    @cached_property
    def digest(self) -> Digest:
        """The digest of the canonical JSON: the identity of the package in releases, SBOMs and attestations."""
        return Digest.of(self.to_json())

    @property
    def store_path(self) -> str:
        """The name of its directory under `/packages`, as `Manifest.store_path` has it."""
        return f"{self.name.short}-{self.version}-{self.tree.store_key}"

    @property
    def label(self) -> str:
        """What people know it by within a set: `jq 1.7.1-1`."""
        return f"{self.name.short} {self.version}-{self.revision}"

    @property
    def sort_key(self) -> tuple[PackageName, Version, int]:
        """Order by name, then version, then revision: the last of one name is the newest."""
        return self.name, self.version, self.revision


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidDescriptorError(f"{value!r:.100} is not a text")
    return value


def _reason(value: Any) -> str:
    if not _text(value).strip():
        raise InvalidDescriptorError("a sensitive file is declared without a reason")
    return _text(value)


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise InvalidDescriptorError(f"{values!r:.100} is not a list")
    return tuple(map(_text, values))
