"""Tuning a corpus' search by its judged queries, from the vectors in the store: no document is encoded, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from statistics import median
from typing import Any

import orjson

from sparse_index.cluster.client import Cluster
from sparse_index.config.corpus import CorpusConfig
from sparse_index.config.encoder import Pruning
from sparse_index.config.search import BM25, SearchMode
from sparse_index.errors import ConfigError, ModelError
from sparse_index.live.meta import Meta
from sparse_index.query.encoding import Given, encoded, knowing_models
from sparse_index.query.target import Target, observe_target
from sparse_index.query.wish import default_mode, modes
from sparse_index.relevance.evaluate import asks
from sparse_index.relevance.exact import BestTexts, FieldVectors
from sparse_index.relevance.golden import GoldenSet
from sparse_index.relevance.measures import DEPTH, Judgements
from sparse_index.relevance.tuner import Choice, Option, choose, halves, in_words
from sparse_index.relevance.ways import (
    CANDIDATES,
    Answers,
    Way,
    asking,
    current_way,
    mode_of,
    ndcg,
    possible_ways,
    pruning_options,
    prunings,
    settings,
    way_options,
)
from sparse_index.store.files import Store
from sparse_index.vectors.kinds import vector_kind

_MOST = max(CANDIDATES)
_MAX = "of its passages' vectors (`long_texts: max`) the store has each by itself, not the one that the index holds."


@dataclass(frozen=True)
class Finding:
    """Lines of text, and what they say to change: full name of a key -> value."""

    lines: Sequence[str]
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VectorAnswers:
    """What the vectors of one field answer, as they are stored and pruned further, and tokens a text of each."""

    answers: Mapping[Pruning, Answers]
    sizes: Mapping[Pruning, float]


def tune(cluster: Cluster, config: CorpusConfig, store: Store, golden: GoldenSet, given: Given) -> Iterator[str]:
    """Tables as soon as they are known, then the lines to change. ConfigError for too few judged queries, or an index whose
    vectors the store does not know; a side whose queries nothing encodes is left out, and said."""
    changes: dict[str, Any] = {}
    for finding in _Tuner(cluster, config, store, golden, given).findings():
        yield from finding.lines
        changes |= finding.changes
    yield "Change in the corpus file (nothing was changed):" if changes else "Nothing to change."
    for key, value in changes.items():
        yield f"  {key}: {orjson.dumps(value).decode()}"


class _Tuner:
    """The judged queries, in two halves, and the live index that answers them."""

    def __init__(self, cluster: Cluster, config: CorpusConfig, store: Store, golden: GoldenSet, given: Given) -> None:
        self._cluster, self._config, self._store, self._given = cluster, config, store, given
        self._target = observe_target(cluster, config, None)
        self._meta = _require_ours(self._target, store)
        judged = [query for query in golden.queries if query.id in golden.judgements]
        self._queries = [query for query in judged if not query.filters]
        self._left_out = len(judged) - len(self._queries)
        self._judged: Judgements = {query.id: golden.judgements[query.id] for query in self._queries}
        self._choosing, self._reporting = halves(self._judged)

    def findings(self) -> Iterator[Finding]:
        if self._left_out:
            yield Finding(
                [f"{self._left_out} queries with filters are left out: exact scores of all documents know none."]
            )
        asked, sides = modes(self._config), dict[str, Answers]()
        if SearchMode.BM25 in asked:
            sides[BM25] = self._by_words()
        else:
            yield Finding([f"{BM25} is left out: no column of source.text_template is indexed (source.columns)."])
        for name in self._config.vector_fields:
            if self._config.vector_fields[name].long_texts == "max":
                yield Finding([f"{name} is left out: {_MAX}"])
                continue
            try:
                found = self._read(name)
            except ModelError as error:
                yield Finding([f"{name} is left out: {error.message}"])
                continue
            if len(found.answers) == 1:
                (sides[name],) = found.answers.values()
                continue
            options = pruning_options(self._config, name, found.answers, found.sizes, self._judged)
            choice = self._choose(options, options[0])
            sides[name] = list(found.answers.values())[options.index(choice.chosen)]
            yield Finding(self._in_words(f"Pruning of {name}, asked alone", choice), choice.chosen.settings)
        yield from self._searching(sides)

    def _choose(self, options: Sequence[Option], current: Option) -> Choice:
        return choose(options, current, self._choosing, self._reporting)

    def _in_words(self, title: str, choice: Choice) -> list[str]:
        return list(in_words(title, choice, self._choosing, self._reporting))

    def _searching(self, sides: Mapping[str, Answers]) -> Iterator[Finding]:
        """What is asked, then whether that is re-ranked: together they say what the corpus file has to say of searching."""
        ways, way = possible_ways(self._config, tuple(sides)), current_way(self._config)
        if way in ways:
            models = {*self._config.model_side_fields, *self._given.models}
            options = way_options(self._config, ways, sides, models, self._judged)
            choice = self._choose(options, options[ways.index(way)])
            way = ways[options.index(choice.chosen)]
            yield Finding(self._in_words("Sides, fusion and candidates", choice))
        else:
            yield Finding(
                ["What is asked now is among what was left out: there is nothing to compare other ways with."]
            )
        yield self._reranker(way)

    def _reranker(self, way: Way) -> Finding:
        """Without and with it, of what is asked in that way, as the live index answers now."""
        plain, reranks = mode_of(self._config, way), default_mode(self._config) is SearchMode.RERANK
        as_it_is = settings(self._config, way, reranks=reranks)
        if plain is None or SearchMode.RERANK not in modes(self._config):
            return Finding([], as_it_is)
        try:
            options = [self._timed(way, mode) for mode in (plain, SearchMode.RERANK)]
        except ModelError as error:
            return Finding([f"The re-ranker is left out: {error.message}"], as_it_is)
        choice = self._choose(options, options[reranks])
        return Finding(self._in_words(f"Re-ranker, of {way.name}", choice), choice.chosen.settings)

    def _timed(self, way: Way, mode: SearchMode) -> Option:
        reranks = mode is SearchMode.RERANK
        ask = asks(self._cluster, asking(self._config, way), self._target.name, self._given)
        answers = {query.id: ask(mode, query, DEPTH) for query in self._queries}
        return Option(
            name=f"mode {mode}",
            cost=(reranks,),
            settings=settings(self._config, way, reranks=reranks),
            values=ndcg({id_: [hit.id for hit in answer.hits] for id_, answer in answers.items()}, self._judged),
            group=mode,
            note=f"p50 {1000 * median(sum(astuple(answer.times)) for answer in answers.values()):.0f} ms",
        )

    def _by_words(self) -> Answers:
        """BM25 is the index's own: its scores come from the words of all documents."""
        ask = asks(self._cluster, self._config, self._target.name, self._given)
        found = {query.id: ask(SearchMode.BM25, query, _MOST) for query in self._queries}
        return {id_: [(hit.id, hit.score) for hit in answer.hits] for id_, answer in found.items()}

    def _read(self, name: str) -> VectorAnswers:
        """One reading of the field's vectors for all that is tried with them."""
        kind = vector_kind(self._config.vector_fields[name])
        outputs = self._outputs(name)
        fingerprint, manifest = self._meta.fingerprint_of(name), self._meta.manifest
        vectors = FieldVectors(self._store, self._config, name, fingerprint, manifest)
        size = _MOST * vectors.most_owners()
        tried = prunings(self._config.vector_fields[name].encoder.pruning) if kind.pruned else [Pruning()]
        best = {pruning: BestTexts(kind, outputs, size) for pruning in tried}
        for batch in vectors.each_once():
            for pruning, of_pruning in best.items():
                of_pruning.add(kind.pruned(batch, pruning) if kind.pruned else batch)
        return VectorAnswers(
            {pruning: self._answers(vectors, of_pruning) for pruning, of_pruning in best.items()},
            {pruning: each.elements / max(each.vectors, 1) for pruning, each in best.items()},
        )

    def _outputs(self, name: str) -> list[Any]:
        """What each query asks the field with."""
        cluster, config, target = self._cluster, self._config, self._target
        given = knowing_models(cluster, config, target, [name], self._given)
        return [encoded(cluster, config, target, name, query.text, given).output for query in self._queries]

    def _answers(self, vectors: FieldVectors, best: BestTexts) -> Answers:
        documents = vectors.documents(best.texts(), _MOST)
        return {query.id: ranked for query, ranked in zip(self._queries, documents, strict=True)}


def _require_ours(target: Target, store: Store) -> Meta:
    if target.meta is None or not store.exists(target.meta.manifest):
        raise ConfigError(
            f"{target.name} was not built by this package, or its manifest is not in the store: nobody knows which vectors are "
            "its documents'. Build the index anew, then tune."
        )
    return target.meta
