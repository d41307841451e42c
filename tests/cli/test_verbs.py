"""Every verb has a place in the help; former names work, and print the current name."""

from __future__ import annotations

from inspect import cleandoc

import click
import pytest
from click.testing import CliRunner

from farm.cli.main import farm
from farm.cli.verbs import ELSEWHERE, FIRST, FORMER, GROUPS, VERBS
from tests.docs.test_docs import verbs


def run(*words: str) -> tuple[int, str, str]:
    ended = CliRunner().invoke(farm, words)
    return ended.exit_code, ended.stdout, ended.stderr


def test_the_help_begins_with_ten_verbs_and_lists_each_verb_once() -> None:
    status, help_text, _ = run("--help")
    assert status == 0
    sections = help_text.split("Start here:\n")[1]
    listed = [line.split()[0] for line in sections.splitlines() if line[:2] == "  " and line[2:3] not in ("", " ")]
    assert tuple(listed[:10]) == FIRST
    assert sorted(listed) == sorted(verb.name for verb in VERBS if " " not in verb.name)
    assert [heading for heading in sections.splitlines() if heading[:-1] in GROUPS] == [f"{group}:" for group in GROUPS]


def test_verbs_of_one_word_have_a_heading_and_others_a_group() -> None:
    names = {verb.name for verb in VERBS}
    assert len(names) == len(VERBS)
    for verb in VERBS:
        assert verb.group in GROUPS if " " not in verb.name else verb.name.partition(" ")[0] in names, verb


def test_each_verb_says_in_a_short_sentence_what_it_does_and_shows_an_example() -> None:
    for words, command in verbs(farm):
        assert command.help, words
        assert len(command.get_short_help_str(limit=200)) <= 120, words
        assert "\b\nExample" in cleandoc(command.help), words


@pytest.mark.parametrize("former", FORMER)
def test_a_former_name_says_what_it_is_called_now(former: str) -> None:
    assert former not in farm.list_commands(click.Context(farm))
    status, help_text, hint = run(former, "--help")
    assert status == 0
    assert (
        hint == f"warning: `farm {former}` is now `farm {FORMER[former]}`; the former name works in this release only\n"
    )
    assert help_text.startswith(f"Usage: farm {FORMER[former].partition(' --')[0]} ")
    assert farm.get_command(click.Context(farm), former) is not None


def test_a_rollback_of_a_channel_says_what_it_is_called_now() -> None:
    _, _, hint = run("rollback", "a/b", "1", "--why", "x")
    assert hint.startswith("warning: `farm rollback CHANNEL NUMBER` is now `farm channel rollback`; ")


@pytest.mark.parametrize(
    ("word", "now"), [("serch", "search"), ("freez", "channel freeze"), *sorted(ELSEWHERE.items())]
)
def test_a_word_that_is_no_verb_leads_to_one(word: str, now: str) -> None:
    status, _, message = run(word)
    assert status == 2
    assert f"No such command '{word}'. Did you mean '{now}'?" in message
