"""A channel's memory between two steps is never mistaken for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farm.store.errors import MissingBlobError
from tests.farms.small import recipe

if TYPE_CHECKING:
    from tests.farms.releasing import ReleasingFarm


def test_atoms_of_a_step_that_broke_off_are_not_those_of_the_candidate_that_gets_its_number(
    releasing: ReleasingFarm,
) -> None:
    farm = releasing
    farm.submit(recipe("a"))
    farm.build_all()
    farm.submit(recipe("b"))
    farm.finish(farm.claim(), requires=("soname:libgone.so.1",))  # held back, so that atoms are computed
    archive = farm.application.blobs.path(farm.current()["a"].archive.digest)
    away = archive.rename(archive.with_suffix(".away"))
    with pytest.raises(MissingBlobError):
        releasing.advance()  # nothing of it is kept: the candidate's number is free again
    away.rename(archive)
    farm.submit(recipe("c"))
    assert releasing.settle().newest is not None
    assert set(releasing.released()) == {"a", "c"}
    assert releasing.signer.signed == [1]
