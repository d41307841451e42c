"""One installed state of a root, as `generation.json` records it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from farm.core.names.digest import Digest
from farm.core.names.package_name import PackageName
from farm.core.sets.members.set_record import PlacedPackage, ReleaseRef, SetRecord, read_builds
from farm.errors import FarmError

FORMAT = 2
_PARTS_AFTER_THE_NAME = 2  # version, and the digest of the tree


@dataclass(frozen=True, slots=True)
class Generation:
    """One installed state: its number, its time (RFC 3339, UTC), the command that made it, and its packages."""

    number: int
    made: str
    why: str
    set: SetRecord

    @property
    def releases(self) -> str:
        """The releases that its packages come from, as users write them."""
        return " and ".join(f"release {release.number} of {release.subscription}" for release in self.set.releases)

    def to_json(self) -> bytes:
        """Return the content of `generation.json`."""
        form = {
            "format": FORMAT,
            "number": self.number,
            "made": self.made,
            "why": self.why,
            "set": json.loads(self.set.to_json()),
        }
        if self.set.builds:
            form["builds"] = self.set.builds  # beside the set, where an older client does not look
        return (json.dumps(form, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> Generation:
        """Read the result of `to_json`, or the format of the first version of farm. Raises `invalid-generation`."""
        try:
            form = json.loads(content)
            if form["format"] == 1:
                return cls(int(form["number"]), "", "", _first_format(form))
            if form["format"] != FORMAT:
                raise FarmError(
                    f"this generation has format {form['format']!r:.100}, this farm reads format {FORMAT}",
                    remedy="Upgrade the farm.",
                    code="invalid-generation",
                )
            record = SetRecord.from_json(json.dumps(form["set"]).encode())
            builds = read_builds(form.get("builds"))
            return cls(int(form["number"]), str(form["made"]), str(form["why"]), record.with_builds(builds))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FarmError(
                f"this is not a record of a generation: {error!r:.200}", code="invalid-generation"
            ) from error


def _first_format(form: dict[str, Any]) -> SetRecord:
    """Read format 1, which had no revisions, and named a release by its packages instead of by its head."""
    distribution = form["distribution"]
    release = ReleaseRef(distribution, form["channel"], form["release"], Digest(form["package-set"]))
    packages = []
    for descriptor, store in form["packages"]:
        name, version, _ = store.rsplit("-", _PARTS_AFTER_THE_NAME)
        full = PackageName(distribution, name)
        packages.append(PlacedPackage(full, version, 1, Digest(descriptor), store, release.subscription))
    return SetRecord(tuple(form["asked"]), tuple(packages), (release,))
