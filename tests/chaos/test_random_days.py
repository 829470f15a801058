"""P1, P3 and P5 over random days on the real server: a chain of delta builds equals one full build from scratch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build_plans import remove_indices
from chaos_table import ChaosTable, times
from plan_help import config_at
from promises import check_promises
from property_help import GENEROUS, Day, Row, days, examples, first_rows, layouts, rows, write_corpus
from real_builds import built, documents, planned
from sparse_index.builds.plan import BuildKind
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.live.generations import retire
from sparse_index.store.files import Store

pytestmark = [pytest.mark.integration, pytest.mark.chaos]
SEQUENCES = times(2, 30)


@contextmanager
def corpora(cluster: Cluster) -> Iterator[tuple[Path, CorpusConfig, CorpusConfig]]:
    """A corpus that is built day by day, and one of the same files for the build from scratch."""
    names = [f"days-{uuid4().hex[:8]}" for _ in range(2)]
    with TemporaryDirectory() as folder:
        daily, scratch = (
            config_at(
                Path(folder),
                alias=name,
                store=f"{folder}/{name}",
                limits=GENEROUS,
                source={"max_shards": 3, "max_text_chars": 10},
                index={"replicas": 0},
            )
            for name in names
        )
        try:
            yield Path(folder) / "corpus", daily, scratch
        finally:
            for name in names:
                remove_indices(cluster, name)


def build(cluster: Cluster, config: CorpusConfig) -> BuildKind:
    """What a run does, with the promises checked afterwards."""
    plan = planned(cluster, config)
    if plan.kind is not BuildKind.NOTHING:
        built(cluster, config, plan)
        retire(cluster, config)
        check_promises(cluster, Store(config.store), plan)
    return plan.kind


def build_days(cluster: Cluster, content: list[Row], layout: tuple[int, int], changes: list[Day]) -> None:
    with corpora(cluster) as (folder, daily, scratch):
        write_corpus(folder, content, layout)
        assert build(cluster, daily) is BuildKind.FULL
        for change in changes:
            content = change.after(content)
            write_corpus(folder, content, change.layout)
            assert build(cluster, daily) is not BuildKind.FULL
        build(cluster, scratch)
        found = documents(cluster, daily.alias)
        assert found.keys() == first_rows(content).keys()
        assert found == documents(cluster, scratch.alias)


def test_delta_builds_equal_a_full_build_document_by_document(plain_cluster: Cluster, chaos_table: ChaosTable) -> None:
    @examples(SEQUENCES)
    @given(st.lists(rows, min_size=1, max_size=10), layouts(), st.lists(days, min_size=1, max_size=4))
    def check(content: list[Row], layout: tuple[int, int], changes: list[Day]) -> None:
        build_days(plain_cluster, content, layout, changes)

    with chaos_table.line(
        "Random corpora over one to four days of random edits, a delta build a day", SEQUENCES
    ) as line:
        check()
        line.result = "the documents and vectors of one full build from scratch, closed books after each"
