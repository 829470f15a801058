"""One half of the queries chooses, the other half reports: what ties, what is cheaper, what luck is."""

from __future__ import annotations

import random

import pytest

from sparse_index.errors import ConfigError
from sparse_index.relevance.tuner import Option, choose, halves, in_words

IDS = [f"q{number:03d}" for number in range(60)]
CHOOSING, REPORTING = halves(IDS)


def option(name: str, cost: float, choosing: float, reporting: float | None = None, noise: float = 0.0) -> Option:
    """Its mean on either half; `noise` goes up and down from query to query."""
    values = dict.fromkeys(CHOOSING, choosing) | dict.fromkeys(REPORTING, choosing if reporting is None else reporting)
    swing = {query: noise * (-1) ** place for half in (CHOOSING, REPORTING) for place, query in enumerate(half)}
    return Option(name, (cost,), {"key": name}, {query: value + swing[query] for query, value in values.items()}, name)


def test_the_halves_are_whole_apart_and_the_same_whatever_the_order() -> None:
    mixed = random.Random(1).sample(IDS, len(IDS))
    assert halves(mixed) == (CHOOSING, REPORTING)
    assert sorted([*CHOOSING, *REPORTING]) == IDS
    assert len(CHOOSING) == len(REPORTING) == 30


def test_too_few_queries_choose_nothing() -> None:
    with pytest.raises(ConfigError, match=r"19 judged queries are too few .* judge 20 or more"):
        halves(IDS[:19])


def test_of_those_that_tie_the_cheapest_is_chosen() -> None:
    now = option("now", 3, 0.5)
    options = [now, option("dear", 4, 0.53, noise=0.4), option("cheap", 1, 0.5, noise=0.3), option("bad", 0, 0.1)]
    choice = choose(options, now, CHOOSING, REPORTING)
    assert [each.name for each in choice.tied] == ["cheap", "now", "dear"]
    assert (choice.best.name, choice.chosen.name) == ("dear", "cheap")


def test_what_there_is_stays_where_nothing_is_better_or_cheaper() -> None:
    now = option("now", 1, 0.5)
    choice = choose([option("same", 1, 0.5), now, option("dear", 2, 0.5)], now, CHOOSING, REPORTING)
    assert choice.chosen is now
    assert list(in_words("Title", choice, CHOOSING, REPORTING))[-1] == "  Nothing to change."


def test_a_better_one_is_chosen_whatever_it_costs_and_the_other_half_says_how_much_it_is() -> None:
    now = option("now", 1, 0.5, 0.45)
    choice = choose([now, option("better", 9, 0.6, 0.5)], now, CHOOSING, REPORTING)
    assert choice.chosen.name == "better"
    lines = list(in_words("Title", choice, CHOOSING, REPORTING))
    assert lines[0] == "Title (nDCG@10 of 30 queries that choose, 30 that report)"
    assert lines[1].split() == ["now", "0.500", "0.450", "worse", "<-", "as", "it", "is"]
    assert lines[2].split()[:3] == ["better", "0.600", "0.500"]
    assert "On the half that reports: 0.450 -> 0.500 (+0.050, 95 % interval" in lines[-1]
    assert lines[-1].endswith("better.")


def test_the_other_half_refuses_what_was_luck_and_the_next_cheapest_is_taken() -> None:
    now = option("now", 3, 0.5)
    options = [now, option("luck", 1, 0.5, 0.2), option("sound", 2, 0.5, 0.5, noise=0.1)]
    choice = choose(options, now, CHOOSING, REPORTING)
    assert ([each.name for each in choice.refused], choice.chosen.name) == (["luck"], "sound")
    lines = list(in_words("Title", choice, CHOOSING, REPORTING))
    assert any("luck" in line and line.endswith("<- refused by the other half") for line in lines)
    assert lines[-1].endswith("a tie, and cheaper.")


def test_when_all_is_refused_what_there_is_stays_though_it_did_not_tie() -> None:
    now = option("now", 3, 0.4)
    choice = choose([now, option("luck", 1, 0.9, 0.1)], now, CHOOSING, REPORTING)
    assert (choice.best.name, choice.chosen) == ("luck", now)


def test_a_group_is_one_row_and_what_is_marked_is_always_shown() -> None:
    now = Option("b2", (2,), {}, dict.fromkeys(IDS, 0.4), "b")
    others = [Option(f"b{n}", (n,), {}, dict.fromkeys(IDS, 0.4 + n / 100), "b") for n in (1, 3, 4)]
    choice = choose([now, *others], now, CHOOSING, REPORTING)
    rows = [line.split()[0] for line in list(in_words("Title", choice, CHOOSING, REPORTING))[1:-2]]
    assert rows == ["b2", "b4"]
