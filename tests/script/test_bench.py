from __future__ import annotations

from dataclasses import replace

import pytest

from script.benchmarks.measurement import Measurement, interleave
from script.benchmarks.runner import WORKLOADS, parse_arguments
from script.benchmarks.table import Goal, Table, amount


def table(*goals: Goal) -> Table:
    farm = Measurement("farm", (3.0, 1.0, 2.0), processor=(0.5, 0.7, 0.6))
    peer = Measurement("peer", (0.004, 0.004), processor=(0.001, 0.001))
    floor = Measurement("floor", (1.0, 1.0), processor=(1.5, 1.5))
    return Table("8. A title", "floor", (farm, peer, floor), goals, "A note.")


class TestArguments:
    def test_every_row_is_run_unless_some_are_chosen(self) -> None:
        assert parse_arguments([]).rows == list(WORKLOADS)
        assert parse_arguments(["2", "8", "--rounds", "5", "--json"]).rows == [2, 8]
        assert parse_arguments(["2", "8", "--rounds", "5", "--json"]).rounds == 5

    @pytest.mark.parametrize("arguments", [["9"], ["two"], ["--rounds", "0"], ["--fast"]])
    def test_what_makes_no_sense_is_refused(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as left:
            parse_arguments(arguments)
        assert left.value.code == 2
        assert "usage: script/bench" in capsys.readouterr().err


class TestTables:
    def test_a_table_shows_medians_minima_and_ratios(self) -> None:
        assert table().to_markdown() == (
            "### 8. A title\n"
            "\n"
            "| contender | median | minimum | x floor |\n"
            "| --- | ---: | ---: | ---: |\n"
            "| farm | 2.00 s | 1.00 s | 2.00 |\n"
            "| peer | 4.0 ms | 4.0 ms | 0.00 |\n"
            "| floor | 1.00 s | 1.00 s | 1.00 |\n"
            "\n"
            "A note.\n"
        )

    def test_processor_time_is_shown_where_all_work_is_the_contenders_own(self) -> None:
        lines = replace(table(), processor=True).to_markdown().splitlines()
        assert lines[2] == "| contender | median | minimum | x floor | processor |"
        assert lines[4] == "| farm | 2.00 s | 1.00 s | 2.00 | 600.0 ms |"

    @pytest.mark.parametrize(("ratio", "met"), [(2.0, True), (1.91, True), (1.9, False)])
    def test_a_goal_within_five_percent_is_met(self, ratio: float, *, met: bool) -> None:
        goal = Goal("farm", "floor", ratio)
        assert table(goal).met(goal) is met

    def test_a_missed_goal_is_explained_and_a_met_one_is_not(self) -> None:
        missed, reached = Goal("farm", "floor", 1.0, why="it snows"), Goal("farm", "floor", 2.0, why="it snows")
        assert table(missed).to_markdown().endswith("- farm ≤ 1 x floor: 2.00, **missed**: it snows\n")
        assert table(reached).to_markdown().endswith("- farm ≤ 2 x floor: 2.00, met\n")

    def test_a_table_is_plain_values_too(self) -> None:
        values = table(Goal("farm", "floor", 1.0, why="it snows")).to_dict()
        farm = {"name": "farm", "unit": "s", "figures": [3.0, 1.0, 2.0], "processor": [0.5, 0.7, 0.6]}
        assert values["measurements"][0] == farm
        assert values["goals"] == [
            {"contender": "farm", "peer": "floor", "at-most": 1.0, "ratio": 2.0, "met": False, "why": "it snows"}
        ]

    def test_figures_are_written_in_the_unit_that_suits_them(self) -> None:
        assert [amount(*pair) for pair in ((1.5, "s"), (0.0123, "s"), (2_500_000, "B"), (900, "B"))] == [
            "1.50 s",
            "12.3 ms",
            "2.50 MB",
            "0.9 kB",
        ]


def test_contenders_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    contenders = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    measured = interleave(
        contenders, 2, before=lambda name: calls.append(f"before {name}"), after=lambda: calls.append("after")
    )
    assert calls == ["before a", "a", "after", "before b", "b", "after"] * 3
    assert [(measurement.name, len(measurement.figures)) for measurement in measured] == [("a", 2), ("b", 2)]
