"""Actors: people by their tokens, and workers, which no name of a token can pass for."""

from __future__ import annotations

import pytest

from farm.core.names.actor_name import token_actor, token_name, worker_actor


@pytest.mark.parametrize("name", ["ann", "", "worker:w1", "token:ann", "ann:token:"])
def test_a_holder_is_known_by_the_name_of_the_token_whatever_it_is(name: str) -> None:
    assert token_name(token_actor(name)) == name
    assert token_actor(name) != worker_actor(name)


def test_actors_that_hold_no_token_are_shown_as_they_are() -> None:
    assert (token_actor("ann"), worker_actor("w1")) == ("token:ann", "worker:w1")
    assert [token_name(actor) for actor in ("worker:w1", "farm", "control", "")] == ["worker:w1", "farm", "control", ""]
