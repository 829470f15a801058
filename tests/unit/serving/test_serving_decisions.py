"""What serving does about what it sees: pure, so every case can be made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from build_plans import corpus_config
from sparse_index.config.corpus import CorpusConfig
from sparse_index.names import pipeline_name, rerank_pipeline_name
from sparse_index.query.pipelines import models_named
from sparse_index.serving.decide import Phase, Verb, decide
from sparse_index.serving.needs import needs_of
from sparse_index.serving.seen import Seen, SeenIndex, SeenModel
from sparse_index.serving.state import Memory

MODEL = {"source": "url", "name": "splade", "version": "1", "url": "http://h/m.zip", "sha256": "ab" * 32}
SEARCH = {"mode": "hybrid", "sides": ["bm25", "text_sparse"], "query": {"text_sparse": "model"}}
LIVE, OLD = "things--b20260102t000000-000000", "things--b20260101t000000-000000"


def config(**search: Any) -> CorpusConfig:
    return corpus_config("things", encoder={"model": MODEL, "lifecycle": "shared"}, search=SEARCH | search)


CONFIG = config()
(NEED,) = needs_of(CONFIG)
GROUP = NEED.group
READY = SeenModel("m1", registered=True, answers=True)


def index(name: str = LIVE, **changes: Any) -> SeenIndex:
    return replace(SeenIndex(name, live=name == LIVE, kept=True, pipeline=None, fits=True), **changes)


def seen(**changes: Any) -> Seen:
    """All is well with one index, unless said otherwise."""
    well = Seen(CONFIG, (NEED,), {}, {GROUP: (READY,)}, {}, ())
    wanted = dict(well.wanted)
    (name,) = wanted
    whole = {"pipelines": wanted, "indices": (index(pipeline=name),), "answering": {"m1": True}}
    return replace(well, **whole | changes)


WANTED: dict[str, Any] = dict(seen().wanted)
(NAME,) = WANTED


def steps(one: Seen) -> list[tuple[Verb, str]]:
    return [(step.verb, step.name) for step in decide(one).steps]


def test_when_all_is_well_there_is_nothing_to_do() -> None:
    assert steps(seen()) == []
    assert str(decide(seen())) == "All that queries need is there."
    assert models_named(WANTED[NAME]) == {"m1"}


def test_without_a_model_only_the_model_is_made() -> None:
    nothing = seen(models={GROUP: ()}, pipelines={}, indices=(index(),), answering={})
    assert steps(nothing) == [(Verb.REGISTER, GROUP)]
    half = seen(models={GROUP: (SeenModel("m0", registered=False, answers=False),)}, pipelines={}, indices=())
    assert steps(half) == [(Verb.REGISTER, GROUP)]


def test_a_model_that_does_not_answer_is_deployed_whatever_it_says_of_itself() -> None:
    assert steps(seen(models={GROUP: (replace(READY, answers=False),)}, answering={"m1": False})) == [
        (Verb.DEPLOY, "m1")
    ]


def test_a_pipeline_is_put_before_an_index_names_it() -> None:
    first = seen(pipelines={}, indices=(index(),))
    assert steps(first) == [(Verb.PUT, NAME), (Verb.POINT, LIVE)]
    assert [step.phase for step in decide(first).steps] == [Phase.TRY, Phase.POINT]


@pytest.mark.parametrize("body", [{"request_processors": []}, {}])
def test_a_pipeline_that_somebody_changed_is_put_again(body: dict[str, Any]) -> None:
    assert steps(seen(pipelines={NAME: body})) == [(Verb.PUT, NAME)]


def test_of_two_that_were_registered_at_once_the_older_stays() -> None:
    young = SeenModel("m2", registered=True, answers=False)
    both = seen(models={GROUP: (READY, young)})
    assert both.serving == {"text_sparse": "m1"}
    assert steps(both) == [(Verb.DELETE_MODEL, "m2")]


def test_a_younger_one_stays_while_a_pipeline_of_anybody_names_it() -> None:
    theirs = {"others": {"request_processors": [{"neural_query_enricher": {"default_model_id": "m2"}}]}}
    young = SeenModel("m2", registered=True, answers=False)
    assert steps(seen(models={GROUP: (READY, young)}, pipelines=WANTED | theirs)) == []


def test_what_is_half_registered_goes_when_another_one_serves() -> None:
    torn = SeenModel("m0", registered=False, answers=False)
    assert steps(seen(models={GROUP: (torn, READY)})) == [(Verb.DELETE_MODEL, "m0")]


def test_an_index_of_other_encoders_keeps_its_pipeline_until_its_build() -> None:
    former = pipeline_name("things", {"former": 1})
    other = seen(indices=(index(pipeline=former, fits=False),), pipelines=WANTED | {former: {"former": 1}})
    assert steps(other) == []
    assert "made by other encoders" in str(decide(other))


def test_a_pipeline_that_is_not_ours_is_kept_and_said() -> None:
    theirs = seen(indices=(index(pipeline="somebody-elses"),))
    assert steps(theirs) == []
    assert "'somebody-elses', which is not ours, and keeps it" in str(decide(theirs))


def test_what_the_corpus_file_says_of_the_pipeline_wins() -> None:
    own = corpus_config(
        "things",
        encoder={"model": MODEL, "lifecycle": "shared"},
        search=SEARCH,
        index={"settings": {"search.default_pipeline": "mine"}},
    )
    assert steps(seen(config=own, indices=(index(),))) == []


def test_other_searches_get_another_pipeline_and_the_former_one_goes() -> None:
    other = seen(config=config(fusion="min_max"))
    (name,) = other.wanted
    assert steps(other) == [(Verb.PUT, name), (Verb.POINT, LIVE)]
    after = replace(other, pipelines={**WANTED, **other.wanted}, indices=(index(pipeline=name),))
    assert steps(after) == [(Verb.DELETE_PIPELINE, NAME)]


def test_what_a_generation_names_stays() -> None:
    former = pipeline_name("things", {"former": 1})
    kept = seen(
        indices=(index(pipeline=NAME), index(OLD, pipeline=former, fits=False)),
        pipelines=WANTED | {former: {"former": 1}},
    )
    assert steps(kept) == []


def test_what_somebody_deleted_is_put_back_from_memory() -> None:
    former = pipeline_name("things", {"former": 1})
    gone = seen(
        indices=(index(pipeline=NAME), index(OLD, pipeline=former, fits=False)),
        memory=Memory(pipelines={former: {"former": 1}, "things--q000000000000": {}}),
    )
    assert steps(gone) == [(Verb.PUT, former)]


def test_a_model_that_was_deleted_by_hand_takes_its_pipelines_with_it() -> None:
    """A new one has another id: live index and generation name the new pipeline, where their encoders are the same."""
    lost = {"request_processors": [{"neural_query_enricher": {"neural_field_default_id": {"text_sparse": "gone"}}}]}
    former = pipeline_name("things", lost)
    indices = (index(pipeline=former), index(OLD, pipeline=former))
    after = seen(indices=indices, pipelines=WANTED | {former: lost}, answering={"gone": None})
    assert steps(after) == [(Verb.POINT, LIVE), (Verb.POINT, OLD)]
    other = seen(
        indices=(index(pipeline=NAME), index(OLD, pipeline=former, fits=False)),
        pipelines=WANTED | {former: lost},
        answering={"gone": None},
    )
    assert steps(other) == []
    assert f"{former} of {OLD} cannot work any more" in str(decide(other))


def test_the_models_of_a_generations_pipeline_are_kept_answering() -> None:
    body = {"request_processors": [{"neural_query_enricher": {"neural_field_default_id": {"text_sparse": "m0"}}}]}
    former, group = pipeline_name("things", body), "sparse-index-serving--old--000000000000"
    before = seen(
        models={GROUP: (READY,), group: (SeenModel("m0", registered=True, answers=False),)},
        pipelines=WANTED | {former: body},
        indices=(index(pipeline=NAME), index(OLD, pipeline=former, fits=False)),
        answering={"m1": True, "m0": False},
    )
    assert steps(before) == [(Verb.DEPLOY, "m0")]
    retired = replace(before, indices=(index(pipeline=NAME),), answering={"m1": True})
    assert steps(retired) == [(Verb.DELETE_PIPELINE, former), (Verb.DELETE_GROUP, group)]


def test_a_reranker_never_stands_in_a_default_pipeline() -> None:
    one = config(rerank={"model": {"source": "model_id", "model_id": "r1"}})
    beside = seen(config=one, given={"rerank": "r1"})
    rerank = rerank_pipeline_name("things")
    assert beside.default is not None
    assert beside.default.name == NAME
    assert steps(beside) == [(Verb.PUT, rerank)]
    assert "r1" not in models_named(beside.default.body)
    left = seen(pipelines=WANTED | {rerank: {}, rerank_pipeline_name("things2"): {}})
    assert steps(left) == [(Verb.DELETE_PIPELINE, rerank)]


def enriching(model: str) -> dict[str, Any]:
    return {"request_processors": [{"neural_query_enricher": {"neural_field_default_id": {"text_sparse": model}}}]}


def test_what_re_ranks_encodes_queries_as_the_live_index_needs_it() -> None:
    """Before the build of another encoder, and again when a rollback has undone it."""
    rerank, former = rerank_pipeline_name("things"), pipeline_name("things", enriching("m0"))
    reranker = config(rerank={"model": {"source": "model_id", "model_id": "r1"}})
    given: dict[str, Any] = {"config": reranker, "given": {"rerank": "r1"}}
    present = dict(seen(**given).wanted)
    assert models_named(present[rerank]) == {"m1", "r1"}
    indices = (index(pipeline=former, fits=False), index(OLD, pipeline=NAME))
    back = seen(**given, indices=indices, pipelines=present | {former: enriching("m0")})
    assert steps(back) == [(Verb.PUT, rerank)]
    assert models_named(back.wanted[rerank]) == {"m0", "r1"}
    before = replace(back, pipelines={former: enriching("m0"), **WANTED, **back.wanted})
    assert steps(before) == []
    built = replace(before, indices=(index(pipeline=NAME), index(OLD, pipeline=former, fits=False)))
    assert steps(built) == [(Verb.PUT, rerank)]
    assert models_named(built.wanted[rerank]) == {"m1", "r1"}


def test_what_re_ranks_is_left_alone_while_the_live_index_names_no_pipeline_of_ours() -> None:
    rerank = rerank_pipeline_name("things")
    reranker = config(rerank={"model": {"source": "model_id", "model_id": "r1"}})
    given: dict[str, Any] = {"config": reranker, "given": {"rerank": "r1"}}
    other = seen(**given, indices=(index(fits=False),), pipelines=WANTED | {rerank: {"former": 1}})
    assert steps(other) == []
    former = pipeline_name("things", enriching("gone"))
    lost: dict[str, Any] = {"indices": (index(pipeline=former, fits=False),), "answering": {"gone": None}}
    assert steps(replace(other, **lost, pipelines={**other.pipelines, former: enriching("gone")})) == []


def test_searches_that_need_no_pipeline_name_none() -> None:
    plain = corpus_config("things", encoder={"model": MODEL, "lifecycle": "shared"})
    without = seen(config=plain)
    assert without.wanted == {}
    assert steps(without) == [(Verb.POINT, LIVE)]
    assert decide(without).steps[0].to is None


def test_without_a_live_index_all_is_made_and_nothing_is_named() -> None:
    first = seen(indices=(), pipelines={})
    assert steps(first) == [(Verb.PUT, NAME)]
    assert "no index is live" in str(decide(first))
