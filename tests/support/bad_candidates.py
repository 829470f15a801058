"""Candidates that a build did not make so, beside the live index and the one that it did make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from build_plans import remove_indices
from real_builds import MakeVector, built, documents, indexed, planned, rows, write_corpus
from sparse_index.books.reconcile import reconcile
from sparse_index.builds.check import Check
from sparse_index.builds.plan import BuildKind, Plan
from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.gate.gate import compare
from sparse_index.store.files import Store

COUNT = 300
Sources = dict[str, dict[str, Any]]
Change = Callable[[Sources], Sources]


def edited(changed: int) -> list[dict[str, Any]]:
    """Some texts are other ones, a document is new and one is gone."""
    content = rows(COUNT + 1)
    for row in content[20 : 20 + changed]:
        row["body"] += " edited"
    return [*content[:10], *content[11:]]


@dataclass(frozen=True)
class Scene:
    """A live index and a complete candidate, cloned from it, with the difference."""

    cluster: Cluster
    config: CorpusConfig
    live: str
    plan: Plan

    @property
    def store(self) -> Store:
        return Store(self.config.store)

    def checks(self, index: str) -> list[Check]:
        return compare(self.cluster, self.store, self.config, index, self.live, seed="test")

    def copy(self, name: str) -> str:
        """Of the candidate."""
        copy = f"{self.plan.candidate}-{name}"
        self.cluster.put(f"/{self.plan.candidate}/_settings", {"index.blocks.write": True})
        self.cluster.put(f"/{self.plan.candidate}/_clone/{copy}", {"settings": {"index.blocks.write": None}})
        return copy

    def bad(self, name: str, change: Change) -> list[Check]:
        """What the gate says of a copy of the candidate whose documents were changed."""
        copy = self.copy(name)
        before = documents(self.cluster, copy)
        after = change({name: dict(source) for name, source in before.items()})
        lines = [[{"delete": {"_id": name}}] for name in before if name not in after]
        lines += [[{"index": {"_id": name}}, after[name]] for name in after if after[name] != before[name]]
        body = b"".join(orjson.dumps(line) + b"\n" for pair in lines for line in pair)
        assert not self.cluster.request("POST", f"/{copy}/_bulk", body, params={"refresh": "true"})["errors"]
        return self.checks(copy)


@contextmanager
def scene_of(cluster: Cluster, config: CorpusConfig, vector: MakeVector) -> Iterator[Scene]:
    """A first build, and a day on which five texts changed."""
    write_corpus(config, rows(COUNT))
    try:
        first = planned(cluster, config)
        built(cluster, config, first, vector=vector)
        write_corpus(config, edited(5))
        plan = planned(cluster, config)
        assert plan.kind is BuildKind.DELTA
        indexed(cluster, config, plan, vector=vector)
        reconcile(cluster, Store(config.store), plan)
        yield Scene(cluster, config, first.candidate, plan)
    finally:
        remove_indices(cluster, config.alias)


def verdicts(checks: Sequence[Check]) -> dict[str, str]:
    return {check.name: check.verdict.value for check in checks}


def shuffled(every: int, field: str = "text_sparse") -> Change:
    """Of one document in so many, the vector is another one's."""

    def change(sources: Sources) -> Sources:
        names = sorted(sources)[::every]
        vectors = [sources[name][field] for name in names]
        for name, other in zip(names, [*vectors[1:], vectors[0]], strict=True):
            sources[name][field] = other
        return sources

    return change


def emptied(field: str = "text_sparse") -> Change:
    """Of one document in ten the field is gone."""

    def change(sources: Sources) -> Sources:
        for name in sorted(sources)[::10]:
            del sources[name][field]
        return sources

    return change


def halved(sources: Sources) -> Sources:
    return {name: sources[name] for name in sorted(sources)[::2]}
