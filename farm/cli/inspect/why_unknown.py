"""`farm why` of a package that no section knows: whether a followed channel has it, or nothing does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farm.errors import FarmError, did_you_mean

if TYPE_CHECKING:
    from farm.cli.inspect.why_sections import Question

_REMEDY = "See `farm search` for what there is; `farm why --reverse` takes libraries, symbols and commands too."


def check_known(question: Question, *, farm_answered: bool, tree_read: bool) -> None:
    """Raise the error `unknown-package`, unless a channel has the package, or cannot be asked.

    Without `tree_read`, recipes here with problems may make it.
    """
    from farm.cli.name_completion import local_names
    from farm.cli.subscriber import open_host
    from farm.client.repository.mirrored_metadata import is_unreachable

    settings = question.settings
    names = local_names(question.recipes or settings.recipes, settings.state_place)
    if question.short in names:
        return
    host = open_host(settings)
    for subscription in host.subscriptions.all():
        try:
            catalogue = host.catalogue(str(subscription))
            if catalogue.holds(question.name):
                return
            names.update(listing.name for listing in catalogue.listings())
        except FarmError as error:
            if is_unreachable(error):
                return
            raise
    farm = f"nor has the farm at {settings.url}" if farm_answered else f"and no farm answers at {settings.url}"
    recipe = "no recipe here" if tree_read else "no recipe here that can be read (see `farm lint`)"
    raise FarmError(
        f"there is no package {question.name!r}: {recipe}, no root of this machine and no channel that it "
        f"follows has it, {farm}",
        remedy=did_you_mean(question.short, names, _REMEDY),
        code="unknown-package",
    )
