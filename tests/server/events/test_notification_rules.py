"""People are notified of a change of state, and not too often."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.api.notification_wire import EventKind
from farm.server.events.notification_rules import COUNTED, MOST_EVENTS, Notified, decide_event
from farm.server.tables.states import BuildState, PackageState, ProgressState, SubjectKind
from tests.farms.small import START


def events_of(subject: SubjectKind, *states: str, seconds: int = 60) -> list[EventKind | None]:
    notified, kinds = Notified(START), []
    for number, state in enumerate(states):
        kind, notified = decide_event(subject, state, notified, now=START + timedelta(seconds=number * seconds))
        kinds.append(kind)
    return kinds


def test_a_build_that_fails_five_times_in_a_row_makes_one_event_and_one_when_it_recovers() -> None:
    failed, well = BuildState.FAILED, BuildState.SUCCEEDED
    assert events_of(SubjectKind.BUILD, well, failed, failed, failed, failed, failed, well, well) == [
        None, EventKind.JOB_FAILED, None, None, None, None, EventKind.JOB_RECOVERED, None
    ]  # fmt: skip


def test_a_retry_of_a_failed_submission_is_no_news_until_it_ends_otherwise() -> None:
    accepted, failed, done = ProgressState.ACCEPTED, ProgressState.FAILED, ProgressState.DONE
    assert events_of(SubjectKind.SUBMISSION, accepted, failed, accepted, failed, accepted, done) == [
        EventKind.SUBMISSION_ACCEPTED, EventKind.SUBMISSION_FAILED, None, None, None, EventKind.SUBMISSION_DONE
    ]  # fmt: skip


def test_a_package_that_is_held_back_again_before_its_release_is_no_news() -> None:
    held, cleared, released = PackageState.HELD_BACK, PackageState.CLEARED, PackageState.RELEASED
    assert events_of(SubjectKind.PACKAGE, held, cleared, held, released, held) == [
        EventKind.PACKAGE_HELD_BACK, None, None, EventKind.PACKAGE_RELEASED, EventKind.PACKAGE_HELD_BACK
    ]  # fmt: skip


def test_a_further_release_is_news() -> None:
    kind, notified = decide_event(SubjectKind.PACKAGE, PackageState.RELEASED, Notified(START), now=START)
    assert kind is EventKind.PACKAGE_RELEASED
    assert decide_event(SubjectKind.PACKAGE, PackageState.RELEASED, notified, now=START)[0] is None
    assert (
        decide_event(SubjectKind.PACKAGE, PackageState.RELEASED, notified, now=START, anew=True)[0]
        is EventKind.PACKAGE_RELEASED
    )


@given(st.lists(st.tuples(st.sampled_from(list(BuildState)), st.integers(0, 3000)), max_size=60))
def test_however_often_it_changes_no_hour_has_many_events_and_the_last_state_makes_one(
    changes: list[tuple[BuildState, int]],
) -> None:
    now, notified, times = START, Notified(START), []
    state = BuildState.SUCCEEDED
    for state, later in changes:
        now += timedelta(seconds=later)
        kind, notified = decide_event(SubjectKind.BUILD, state, notified, now=now)
        times += [now] if kind else []
    for first, last in zip(times, times[MOST_EVENTS:], strict=False):
        assert last - first > timedelta()
    assert len(times) <= MOST_EVENTS * (1 + (now - START) // COUNTED + 1)
    if notified.quiet_until is not None:
        kind, notified = decide_event(SubjectKind.BUILD, state, notified, now=notified.quiet_until)
        assert kind is not None
    assert notified.state in ("", state) or state is BuildState.SUCCEEDED
    assert notified.state == state or (notified.state, state) == ("", BuildState.SUCCEEDED)


@pytest.mark.parametrize("seconds", [1, 300])
def test_what_flaps_is_quiet_after_some_events(seconds: int) -> None:
    kinds = events_of(SubjectKind.BUILD, *([BuildState.FAILED, BuildState.SUCCEEDED] * 5), seconds=seconds)
    assert [kind is not None for kind in kinds] == [True] * MOST_EVENTS + [False] * (10 - MOST_EVENTS)
