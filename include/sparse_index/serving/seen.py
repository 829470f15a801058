"""All that serving sees of one corpus, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sparse_index.cluster.client import Json
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.served import is_served
from sparse_index.names import pipeline_owner
from sparse_index.query.pipelines import SearchPipeline, fusing_pipeline, models_named, rerank_pipeline, search_pipeline
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
        return {one.name: one.body for one in (self.default, self._reranking()) if one is not None}

    def _reranking(self) -> SearchPipeline | None:
        """Searches name it whatever is live, so its queries are encoded as the live index's own pipeline encodes them; None where
        nobody knows how."""
        reranker, live = self.serving.get(RERANK), self.live
        if reranker is None:
            return None
        fused = fusing_pipeline(self.config, self.serving)
        before = fused if live is None or live.fits else self._own_body(live)
        return None if before is None else rerank_pipeline(self.config, before, reranker, deepens=self.deepens)

    def _own_body(self, index: SeenIndex) -> Json | None:
        """Of the pipeline of ours that an index names, as it was put; None, too, where a model that it names is gone."""
        if index.pipeline is None or not self.is_ours(index.pipeline):
            return None
        body = self.memory.pipelines.get(index.pipeline, self.pipelines.get(index.pipeline))
        is_lost = body is None or any(self.answering.get(model_id, True) is None for model_id in models_named(body))
        return None if is_lost else body

    @property
    def named(self) -> set[str]:
        """The pipelines of ours that an index of ours names."""
        return {index.pipeline for index in self.indices if index.pipeline and self.is_ours(index.pipeline)}

    def is_ours(self, pipeline: str) -> bool:
        return pipeline_owner(pipeline) == self.alias
