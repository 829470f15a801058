"""The gate's table: what a person reads, and what counts as refused."""

from __future__ import annotations

from pathlib import Path

from sparse_index.builds.check import Check, Verdict, failed, passes, reasons, skipped, table
from sparse_index.builds.reports import GATE, GateReport
from sparse_index.store.files import Store

GOOD = passes("counts", value=0, limit=0, words="1,000 documents, as the books say.")
BAD = passes(
    "stored vectors", value=3, limit=0, words="3 of 1,000 (0.3 %) differ from the store. " + "Look again. " * 12
)
DOUBT = Check("latency", Verdict.UNDECIDED, 2.5, 2.0, "Slower.")
NOTHING = skipped("top 10", "There is no live index.")


def test_only_what_failed_refuses() -> None:
    assert [check.verdict for check in (GOOD, BAD, DOUBT, NOTHING)] == ["pass", "fail", "undecided", "skipped"]
    assert failed([GOOD, BAD, DOUBT, NOTHING]) == [BAD]
    assert reasons([GOOD, BAD, DOUBT]) == [f"stored vectors: {BAD.words.rstrip('.')}"]


def test_the_table_has_a_row_for_each_check_and_breaks_long_words() -> None:
    head, *rows = table([GOOD, BAD, DOUBT, NOTHING])
    assert head.split() == ["check", "verdict", "value", "limit", "what", "was", "found"]
    assert rows[0].split()[:4] == ["counts", "pass", "0", "0"]
    assert rows[1].startswith("stored vectors       fail               3         0  3 of 1,000 (0.3 %) differ")
    assert rows[2].startswith(" " * 50)
    assert rows[2].count("again.") + rows[1].count("again.") == 12
    assert rows[-1].split()[:6] == ["top", "10", "skipped", "-", "-", "There"]


def test_where_lines_may_be_long_each_check_has_one() -> None:
    rows = [*table([GOOD, BAD, DOUBT], wrapped=False)]
    assert len(rows) == 4
    assert rows[2].endswith(BAD.words)


def test_a_report_keeps_its_checks(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    report = GateReport(
        documents=5,
        live_documents=None,
        sampled=5,
        tokens_min=1,
        tokens_median=1.0,
        tokens_max=1,
        checks=[GOOD, BAD, DOUBT, NOTHING],
    )
    GATE.save(store, "gate.json", report)
    assert GATE.load(store, "gate.json") == report
