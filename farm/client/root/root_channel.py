"""The channel of a root: chosen by the names that are installed first, and kept. No name changes its distribution."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from farm.client.override.overrides import OverrideScope
from farm.client.override.substitution import overridden
from farm.client.repository.choosing import Chooser
from farm.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farm.client.repository.catalogue import Catalogue
    from farm.client.repository.host import Host
    from farm.client.root.generations import Root


def catalogue_of_root(host: Host, root: Root, names: Iterable[str] = (), channel: str = "") -> Catalogue:
    """Return the newest release of `channel`, else of the root's own channel, else of the one that has `names`.

    Overrides of the host and of the root apply to every set that is made from it. Raises `foreign-name` where the root
    holds packages of one distribution and a name is of another, and what `Chooser.catalogue` raises.
    """
    state = root.current()
    own = state.set.releases[0].subscription if state and state.set.releases else ""
    chooser = Chooser(host.subscriptions, host.catalogue)
    catalogue = chooser.catalogue(() if own else names, channel or own)
    if state and own:
        for name in (*names, *state.set.asked):
            if not catalogue.holds(name):
                _refuse_others(chooser, root, catalogue, name)
    return overridden(host, catalogue, OverrideScope.of("root", root.path))


def check_still_there(host: Host, root: Root, catalogue: Catalogue) -> None:
    """Raise `gone-from-channel` with all packages that were requested in a root and that a release no longer has."""
    state, release = root.current(), catalogue.release
    gone = [name for name in (state.set.asked if state else ()) if not catalogue.holds(name)]
    if not gone:
        return
    place = f"--root {shlex.quote(str(root.path))}"
    channel = release.subscription
    others = Chooser(host.subscriptions, host.catalogue).others_of(release.distribution, release.channel, gone)
    move = f"take all from a channel that has {'it' if len(gone) == 1 else 'them'}, by `farm upgrade {place} --channel "
    raise FarmError(
        f"release {release.number} of {channel} no longer has what was requested in {root.path}: {', '.join(gone)}",
        remedy=f"Nothing was changed. Go on without: `farm remove {place} {' '.join(gone)}`; or "
        f"{move}{others[0] if others else 'CHANNEL'}`{'' if others else ', which you follow first'}.",
        code="gone-from-channel",
    )


def _refuse_others(chooser: Chooser, root: Root, catalogue: Catalogue, name: str) -> None:
    """Raise `foreign-name` where another distribution has the name; the lookup reports a name that nobody has."""
    release = catalogue.release
    own = release.subscription
    owner, _, short = name.rpartition("/")
    others = chooser.others_with(short, release.distribution)
    other = next((other for other in others if owner in ("", other.rpartition("/")[0])), None)
    if other is None:
        return
    full = f"{other.rpartition('/')[0]}/{short}"
    held = root.current()
    was = held.set.package(name) if held else None
    if was is not None:
        raise FarmError(
            f"{root.path} holds {was.name}, which {own} no longer has; {full} is another package",
            remedy=f"Nothing was changed. To move on purpose: `farm remove --root {root.path} {short}`, and "
            f"`farm install --root DIR {full}` into a root of its own.",
            code="foreign-name",
        )
    raise FarmError(
        f"{root.path} holds packages of {own}, which has no {name}; {full} is of another distribution",
        remedy=f"Nothing was changed. Install it into a root of its own: `farm install --root DIR {full}`. To use it "
        f"in place of a package of {own}: `farm override add --root {root.path} PACKAGE={other}:{short} --why …`.",
        code="foreign-name",
    )
