"""Costs as a table, for the page and for spreadsheets alike."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sparse_index.console import words
from sparse_index.console.costs import Costs, Work
from sparse_index.console.prices import Prices

_GB = 1e9
_HOUR_S = 3600.0

Number = float | None
Pick = Callable[[Costs], Number]


@dataclass(frozen=True)
class Column:
    """`key`: its heading in a spreadsheet, with the unit; `shown`: a number as people read it."""

    title: str
    key: str
    of: Pick
    shown: Callable[[float], str] = words.whole

    def share(self, each: Costs, all_of_them: Costs) -> Number:
        """Percent of all."""
        mine, everything = self.of(each), self.of(all_of_them)
        return None if mine is None or not everything else 100 * mine / everything


def columns(prices: Prices | None, passed: float) -> list[Column]:
    """`passed`: the share of the month over which what is kept now is paid for; 0: nobody knows what was kept."""
    return [*_WORK, *(_KEPT if passed else ()), *(_money(prices, passed) if prices else ())]


def passed(month: date, now: datetime) -> float:
    """The share of a month that has passed if it is the one that goes on, else 0."""
    if (month.year, month.month) != (now.year, now.month):
        return 0.0
    days = calendar.monthrange(now.year, now.month)[1]
    return (now - now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)).total_seconds() / (days * 86_400)


def spreadsheet(table: Sequence[Column], month: date, each: Sequence[Costs]) -> Iterator[list[object]]:
    """Headings first; no totals, which a spreadsheet makes itself."""
    yield ["month", "corpus", *(column.key for column in table), "problems"]
    for costs in each:
        numbers = (column.of(costs) for column in table)
        yield [f"{month:%Y-%m}", costs.corpus, *numbers, " ".join(costs.problems)]


def _work(pick: Callable[[Work], float]) -> Pick:
    return lambda costs: None if costs.work is None else pick(costs.work)


_WORK = (
    Column("Builds", "builds", _work(lambda work: work.builds)),
    Column("of these without a receipt", "builds_without_receipt", _work(lambda work: work.unread)),
    Column("Texts encoded", "texts_encoded", _work(lambda work: work.texts_encoded)),
    Column("without kept vectors", "texts_without_kept_vectors", _work(lambda work: work.without_store)),
    Column("Predict calls", "predict_calls", _work(lambda work: work.predict_calls)),
    Column("On ML nodes", "ml_node_seconds", _work(lambda work: round(work.ml_node_s, 3)), words.duration),
    Column("Sent to the index", "bytes_written", _work(lambda work: work.bytes_written), words.size),
)
_KEPT = (
    Column("Kept in indices", "index_bytes", lambda costs: costs.index_bytes, words.size),
    Column("Kept in the store", "store_bytes", lambda costs: costs.store_bytes, words.size),
)


def _money(prices: Prices, passed: float) -> list[Column]:
    def encoding(costs: Costs) -> Number:
        return None if costs.work is None else costs.work.ml_node_s / _HOUR_S * prices.ml_node_hour

    def keeping(costs: Costs) -> Number:
        if costs.index_bytes is None or costs.store_bytes is None:
            return None
        a_month = costs.index_bytes * prices.index_gb_month + costs.store_bytes * prices.store_gb_month
        return passed * a_month / _GB

    def both(costs: Costs) -> Number:
        known = (encoding(costs), keeping(costs))
        return None if None in known else sum(number for number in known if number is not None)

    def column(title: str, key: str, of: Pick) -> Column:
        return Column(f"{title}, {prices.currency}", f"{key}_{prices.currency}", of, lambda money: f"{money:,.2f}")

    paid = [column("Encoding", "encoding", encoding)]
    return [*paid, column("Keeping", "keeping", keeping), column("Both", "both", both)] if passed else paid
