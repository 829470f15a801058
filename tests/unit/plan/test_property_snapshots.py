"""Whatever happens to a corpus from day to day: delta builds equal a full build from scratch, and the books close."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from plan_help import config_at, planned
from property_help import GENEROUS, Day, DictIndex, Row, days, examples, first_rows, layouts, rows, usable, write_corpus
from sparse_index.builds.plan import BuildKind, Plan


@examples(15)
@given(st.lists(rows, min_size=1, max_size=10), layouts(), st.lists(days, min_size=1, max_size=4))
def test_delta_builds_equal_a_full_build(content: list[Row], layout: tuple[int, int], changes: list[Day]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        config = config_at(folder, limits=GENEROUS, source={"max_shards": 3, "max_text_chars": 10})
        index, live = DictIndex(config), None
        for number, change in enumerate([None, *changes]):
            content, layout = (content, layout) if change is None else (change.after(content), change.layout)
            write_corpus(folder / "corpus", content, layout)
            plan = planned(config, live=live, token=f"{number:03d}")
            require_books(plan, content)
            index.apply(plan)
            index.require_vectors(plan)
            assert plan.kind is not (BuildKind.DELTA if live is None else BuildKind.FULL)
            assert index.fields == first_rows(content)
            live = live if plan.kind is BuildKind.NOTHING else plan
        scratch = config.model_copy(update={"store": str(folder / "scratch")})
        afresh = DictIndex(scratch)
        afresh.apply(planned(scratch))
        assert index.documents == afresh.documents


def require_books(plan: Plan, content: list[Row]) -> None:
    """The lines that can be counted without our code; that all of them add up is checked by the plan itself."""
    counts, winners = plan.counts, first_rows(content)
    found = [row for row in content if usable(row)]
    assert counts.rows_read == len(content)
    assert counts.documents == len(winners)
    assert counts.dead_letters == len(content) - len(found)
    assert counts.duplicate_ids == len(found) - len(winners)
    changed = counts.new + counts.text_changed + counts.fields_changed
    assert sum(part.items for part in plan.index_parts) == changed + counts.deleted
