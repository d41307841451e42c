"""`farm image update`: replace single packages of an image, proven, without building it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from farm.cli.image.form import say_written
from farm.cli.image.options import output_option
from farm.cli.options import channel_option, json_option
from farm.cli.output import tell_result
from farm.cli.progress import TerminalProgress
from farm.cli.set_lines import override_lines, sensitive_lines
from farm.cli.settings import Settings
from farm.cli.severity_option import max_severity_option, policy_in_force
from farm.cli.subscriber import open_host
from farm.errors import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farm.client.image.known_image import KnownImage
    from farm.client.image.replacement import ImageUpdate
    from farm.client.image.update import UpdatedImage


_SYMBOLS = ("missing-symbol", "missing-copied-symbol", "missing-version")
_MOST_COMMANDS = 200


@click.command("update")
@click.argument("image")
@click.argument("packages", nargs=-1, required=True)
@click.option("--to", default="newest", show_default=True, help="The version to update to, as 3.5.4 or 3.5.4-1.")
@click.option("--tag", help="The name of the new image.  [default: that of the old one]")
@output_option
@click.option(
    "--override",
    default="",
    metavar="WHY",
    help="Update even if the proof fails because of these packages; WHY is recorded.",
)
@click.option("--no-load", is_flag=True, help="Do not load the image into Docker.")
@max_severity_option
@channel_option
@json_option
def update(
    image: str,
    packages: tuple[str, ...],
    to: str,
    tag: str | None,
    output: Path | None,
    override: str,
    no_load: bool,
    max_severity: str | None,
    channel: str,
    as_json: bool,
) -> None:
    """Update PACKAGES of IMAGE to other builds.

    Replaces the layers of these packages and the last small layers; nothing is built. The new packages are proven
    together with their dependents. When the proof fails, the image does not change, and the missing symbol, the package
    that needs it, and the packages that would have to be updated too are shown. IMAGE is named as for `farm image
    inspect`. An OCI layout is changed in place.

    With --override, updates even if the proof fails because of these packages; the image records WHY, and what is no
    longer guaranteed. Overrides of this host (`farm override`) are used for PACKAGES that have one.

    \b
    Examples:
      farm image update api:1 openssl --tag api:2
      farm image update api:1 openssl --override 'curl does not call what is gone'
    """
    from farm.client.image.replacement import UpdateRequest
    from farm.client.image.update import update

    settings = Settings.from_environment()
    request = UpdateRequest(
        image=image,
        packages=packages,
        to=to,
        override=override.strip(),
        tag=tag or "",
        output=output,
        channel=channel,
        policy=policy_in_force(max_severity),
        docker=settings.docker,
        load=not no_load,
    )
    updated = update(open_host(settings), request, _Progress(as_json=as_json))
    if updated is None:
        tell_result([f"{image}: {', '.join(packages)}: nothing newer"], {"changes": []}, as_json=as_json)
        return
    layers = len(updated.update.made.image.layers)
    say_written(output, updated.loaded, updated.reference, layers, err=as_json)


class _Progress(TerminalProgress):
    """Prints the result of an update before the image is written or loaded."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def announce(self, planned: UpdatedImage) -> None:
        """Print what changed, what was proven, and the new image."""
        tell_result(_lines(planned.before, planned.update), _form(planned.update), as_json=self._as_json)


def _form(found: ImageUpdate) -> dict[str, Any]:
    from farm.core.sets.proof.proof import called_commands

    called = called_commands(found.trial.members.values())
    return {
        "digest": found.made.image.digest,
        "changes": [change.to_dict() for change in found.changes],
        "sensitive-files": [additions.to_dict() for additions in found.sensitive],
        "release": found.release.to_dict(),
        "proven": {
            "missing-symbols": sum(problem.code in _SYMBOLS for problem in found.trial.problems),
            "path-conflicts": 0,
            "packages-checked": found.trial.checked,
            "dependents": list(found.trial.dependents),
            "scope": found.trial.scope.to_dict(),
            "commands-not-proven": [command.to_dict() for command in called[:_MOST_COMMANDS]],
        },
        "overrides": [override.to_dict() for override in found.made.record.overrides],
        "released": list(found.brought),
        "released-together": list(found.together),
        "not-released-together": list(found.apart),
        "still-linked-statically": [copy.to_dict() for copy in found.copies],
    }


def _lines(known: KnownImage, found: ImageUpdate) -> Iterator[str]:
    trial = found.trial
    layers = {diff_id for diff_id, _ in known.layers}
    fresh = [layer for layer in found.made.image.layers if layer.diff_id not in layers]
    yield from (f"{change}" for change in found.changes)
    yield from sensitive_lines(found.sensitive)
    users = f", with {in_words(trial.dependents)} depending on it" if trial.dependents else ""
    if not found.trial.problems:
        yield f"proven{users}: {trial.scope.summary}"
    now = {package.descriptor: package for package in found.made.record.packages}
    for override in known.record.overrides:
        if override.descriptor in now and not now[override.descriptor].is_override:
            label = f"{override.name.short} {override.full_version}"
            yield f"{label} is no longer an override: all guarantees hold"
    yield from override_lines(found.made.record.packages)
    release = f"release {found.release.number} of {found.release.subscription}"
    if found.together or len(found.brought) > 1:
        builds = "exactly these builds" + (f" of {in_words(found.brought)}" if len(found.brought) > 1 else "")
        users = f" with {in_words(found.together)}" if found.together else ""
        yield f"tested: {release}, which passed its gates, holds {builds}{users}"
    if found.apart:
        yield f"not tested: {release} holds other builds of {in_words(found.apart)}"
    for copy in found.copies:
        how = "still holds" if copy.is_known else "may still hold"
        yield f"{copy.package} {how} code of another build of {copy.library}, linked in when it was built"
    if not found.copies:
        yield "no package of the image is known to hold code of the old builds"
    yield f"{found.made.image.digest}  {len(fresh)} of {len(found.made.image.layers)} layers are new"
