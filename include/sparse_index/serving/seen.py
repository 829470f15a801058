"""All that serving sees of one corpus, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sparse_index.cluster.client import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.served import is_served
from sparse_index.names import pipeline_owner
from sparse_index.query.pipelines import SearchPipeline, rerank_pipeline, search_pipeline
from sparse_index.serving.needs import RERANK, Need
from sparse_index.serving.state import Memory


@dataclass(frozen=True)
class SeenModel:
    """`registered`: to its end."""

    id: str
    registered: bool
    answers: bool


@dataclass(frozen=True)
class SeenIndex:
    """An index of ours. `kept`: it is live, or a rollback may reach it. `pipeline`: its default, None for none. `alike`: the
    vector fields that take the queries of the configuration; `fits`: those are all, and it was made by the encoders that the
    configuration has now."""

    name: str
    live: bool
    kept: bool
    pipeline: str | None
    fits: bool
    alike: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Seen:
    """`models`: serving group -> its models, the oldest first; those of `memory.groups` too. `given`: purpose -> id of a model
    that is not ours. `pipelines`: all of the cluster. `answering`: whether a model answers that a pipeline of the indices
    names, None for one that is gone. `doubled`: needed groups that there are several of. `deepens`: see `rerank_pipeline`."""

    config: CorpusConfig
    needs: tuple[Need, ...]
    given: Mapping[str, str]
    models: Mapping[str, tuple[SeenModel, ...]]
    pipelines: Mapping[str, Json]
    indices: tuple[SeenIndex, ...]
    memory: Memory = field(default_factory=Memory)
    answering: Mapping[str, bool | None] = field(default_factory=dict)
    doubled: frozenset[str] = frozenset()
    deepens: bool = False

    @property
    def alias(self) -> str:
        return self.config.alias

    @property
    def live(self) -> SeenIndex | None:
        return next((index for index in self.indices if index.live), None)

    def chosen(self, need: Need) -> SeenModel | None:
        """The model that serves: of several that were registered at once the older one."""
        return next((model for model in self.models.get(need.group, ()) if model.registered), None)

    @cached_property
    def serving(self) -> Mapping[str, str]:
        """Purpose -> id of the model that serves it, where there is one."""
        ours = {need.used_for: model.id for need in self.needs if (model := self.chosen(need))}
        return {**self.given, **ours}

    @property
    def is_complete(self) -> bool:
        """Whether there is a model for every need."""
        return all(need.used_for in self.serving for need in self.needs)

    @cached_property
    def default(self) -> SearchPipeline | None:
        """What the index of this configuration names; None for none, and while a model is missing."""
        is_known = self.is_complete and is_served(self.config)
        return search_pipeline(self.config, self.serving) if is_known else None

    @cached_property
    def wanted(self) -> Mapping[str, Json]:
        """Name -> body of every pipeline that the configuration needs; empty while a model is missing."""
        if not self.is_complete:
            return {}
        reranker = self.serving.get(RERANK)
        beside = (
            None if reranker is None else rerank_pipeline(self.config, self.serving, reranker, deepens=self.deepens)
        )
        return {one.name: one.body for one in (self.default, beside) if one is not None}

    @property
    def named(self) -> set[str]:
        """The pipelines of ours that an index of ours names."""
        return {index.pipeline for index in self.indices if index.pipeline and self.is_ours(index.pipeline)}

    def is_ours(self, pipeline: str) -> bool:
        return pipeline_owner(pipeline) == self.alias
