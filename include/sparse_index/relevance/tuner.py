"""Which way to search is worth its cost: chosen with one half of the judged queries, reported with the other. Pure functions.

The best of many options is partly luck: on the queries that chose it, it looks better than it is. So the other half, which had no
part in that, says how good it is. An option that the first half does not show to be worse than its best one ties with that; of
those that tie the cheapest is chosen which the other half does not show to be worse than what there is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from statistics import fmean
from typing import Any

from sparse_index.errors import ConfigError
from sparse_index.relevance.compare import FEWEST, Interval, student

# What one of many options is: its nDCG@10, by query id.
Values = Mapping[str, float]


@dataclass(frozen=True)
class Option:
    """`name`: its own among the options of a choice. `cost`: the smaller the cheaper. `settings`: what the corpus file then says,
    by the full name of the key. `group`: options that a table shows as one row, the best of them. `note`: what it costs."""

    name: str
    cost: tuple[float, ...]
    settings: Mapping[str, Any]
    values: Values
    group: str = ""
    note: str = ""


@dataclass(frozen=True)
class Choice:
    """`best`: on the half that chooses; `tied`: those not shown to be worse, and itself, the cheapest first; `refused`: those of
    them that the other half shows to be worse than `current`, up to the `chosen` one."""

    options: Sequence[Option]
    current: Option
    best: Option
    tied: Sequence[Option]
    refused: Sequence[Option]
    chosen: Option


def halves(queries: Collection[str]) -> tuple[list[str], list[str]]:
    """(Those that choose, those that report), the same ones whenever the ids are. ConfigError for too few."""
    if len(queries) < 2 * FEWEST:
        raise ConfigError(
            f"{len(queries)} judged queries are too few to choose with one half and to report with the other: judge "
            f"{2 * FEWEST} or more."
        )
    mixed = sorted(queries, key=lambda query: hashlib.blake2b(query.encode()).digest())
    return sorted(mixed[::2]), sorted(mixed[1::2])


def choose(options: Sequence[Option], current: Option, choosing: Sequence[str], reporting: Sequence[str]) -> Choice:
    """`current`, one of the options, is what the corpus file says now; where it ties and nothing cheaper does, it stays."""
    best = max(options, key=lambda option: mean(option, choosing))
    tied = sorted(
        (option for option in options if not is_worse(option, best, choosing)),
        key=lambda option: (option.cost, option is not current, -mean(option, choosing)),
    )
    refused = list(takewhile(lambda option: is_worse(option, current, reporting), tied))
    chosen = tied[len(refused)] if len(refused) < len(tied) else current
    return Choice(options, current, best, tied, refused, chosen)


def mean(option: Option, queries: Sequence[str]) -> float:
    return fmean(option.values[query] for query in queries)


def difference(option: Option, other: Option, queries: Sequence[str]) -> Interval:
    """Of the mean of option - other, query by query."""
    return student([option.values[query] - other.values[query] for query in queries])


def is_worse(option: Option, other: Option, queries: Sequence[str]) -> bool:
    return difference(option, other, queries).high < 0


def in_words(title: str, choice: Choice, choosing: Sequence[str], reporting: Sequence[str]) -> Iterator[str]:
    """A table, a row an option or group of them, and what the half that reports says of the choice."""
    yield f"{title} (nDCG@10 of {len(choosing)} queries that choose, {len(reporting)} that report)"
    for option in _rows(choice, choosing):
        marks = [mark for mark, marked in _marks(choice) if marked is option]
        tie = "" if option in choice.tied else "  worse"
        yield (
            f"  {option.name:<64} {mean(option, choosing):>7.3f} {mean(option, reporting):>7.3f}  {option.note:<28}"
            f"{tie}{'  <- ' + ', '.join(marks) if marks else ''}"
        ).rstrip()
    yield f"  {len(choice.tied)} of {len(choice.options)} tie with the best; of these the cheapest is chosen."
    yield f"  {_report(choice, reporting)}"


def _marks(choice: Choice) -> Iterator[tuple[str, Option]]:
    yield "as it is", choice.current
    yield "best", choice.best
    yield "chosen", choice.chosen
    for option in choice.refused:
        yield "refused by the other half", option


def _rows(choice: Choice, choosing: Sequence[str]) -> Iterable[Option]:
    """The best of each group, and what is marked; in the order of cost."""
    groups = dict.fromkeys(option.group for option in choice.options)
    shown = [marked for _, marked in _marks(choice)]
    for group in groups:
        shown.append(max(_of(choice, group), key=lambda option: mean(option, choosing)))
    return sorted({option.name: option for option in shown}.values(), key=lambda option: (option.cost, option.name))


def _of(choice: Choice, group: str) -> list[Option]:
    return [option for option in choice.options if option.group == group]


def _report(choice: Choice, reporting: Sequence[str]) -> str:
    if choice.chosen is choice.current:
        return "Nothing to change."
    interval = difference(choice.chosen, choice.current, reporting)
    verdict = "better" if interval.low > 0 else "a tie, and cheaper" if is_cheaper(choice) else "a tie"
    return (
        f"On the half that reports: {mean(choice.current, reporting):.3f} -> {mean(choice.chosen, reporting):.3f} "
        f"({interval.mean:+.3f}, {interval.share} interval {interval.low:+.3f} to {interval.high:+.3f}): {verdict}."
    )


def is_cheaper(choice: Choice) -> bool:
    return choice.chosen.cost < choice.current.cost
