"""The janitor's rules, one by one: what goes, what stays, and what only a person can decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build_plans import corpus_config
from sparse_index.builds.state import BuildState, build_state
from sparse_index.config.corpus import CorpusConfig
from sparse_index.live.generations import OwnIndex
from sparse_index.live.meta import Meta
from sparse_index.names import build_time, candidate_name, group_name, new_build_id
from sparse_index.operations.cleanup import Action, Cleanup, Kind, plan_cleanup
from sparse_index.operations.sightings import BuildView, CorpusView, PlanFile, StoreView
from sparse_index.store.files import StoredFile
from sparse_index.store.layout import build_folder
from sparse_index.vectors.compaction import Marker, VectorFile, marker_path

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
THINGS = corpus_config("things", retention={"generations": 1, "builds_days": 30})
AT_WORK, ENDED, UNKNOWN = BuildState.AT_WORK, BuildState.ENDED, BuildState.UNKNOWN
USED, UNUSED = "a" * 16, "b" * 16
WHOLE_BUILD = (
    "plan.json",
    "manifest.parquet",
    "parts/index-00000.parquet",
    "receipt.json",
    "dead_letters/scan.parquet",
)
BUSY = "'things' has a run now"
BULKY = {"manifest.parquet", "parts/index-00000.parquet"}


def build(days: float, number: int = 0) -> str:
    """The id of a build that was planned so many days ago."""
    return new_build_id(NOW - timedelta(days=days), f"{number:03x}")


def index(build_id: str, **meta: Any) -> OwnIndex:
    """A complete index; `live`, `promoted` and `withdrawn` as said, `manifest` its own build's unless said."""
    live, went_live = meta.pop("live", False), meta.pop("promoted", False)
    withdrawn = meta.pop("withdrawn", False)
    when = build_time(build_id) or NOW
    folder = build_folder(THINGS.alias, build_id)
    values = {
        "alias": THINGS.alias,
        "build_id": build_id,
        "state": "complete",
        "data_date": when.date(),
        "fingerprint": USED,
        "document_hash": "h",
        "store": THINGS.store,
        "manifest": f"{folder}/manifest-final.parquet",
        "receipt": f"{folder}/receipt.json",
        "promoted_at": when if live or went_live else None,
        "withdrawn_at": NOW if withdrawn else None,
    }
    return OwnIndex(candidate_name(THINGS.alias, build_id), Meta.model_validate(values | meta), live)


def view(
    *indices: OwnIndex,
    builds: Mapping[str, BuildState] | None = None,
    groups: Sequence[str] = (),
    config: CorpusConfig = THINGS,
    **fields: Any,
) -> CorpusView:
    """One corpus; every build in `builds` has the usual files, every build in `groups` a model group."""
    states = dict(builds or {})
    folders = [
        BuildView(
            config.alias, name, state, tuple(f"{build_folder(config.alias, name)}/{file}" for file in WHOLE_BUILD)
        )
        for name, state in states.items()
    ]
    values: dict[str, Any] = {
        "scans": (),
        "scans_in_use": frozenset(),
        "busy": BUSY if AT_WORK in states.values() else "",
        "states": states | {each.meta.build_id: ENDED for each in indices if each.meta.build_id not in states},
    }
    marked = tuple((group_name(config.alias, name), name) for name in groups)
    ordered = tuple(sorted(indices, key=lambda each: each.name, reverse=True))
    return CorpusView(config=config, indices=ordered, groups=marked, builds=tuple(folders), **values | fields)


def stored(path: str, days: float = 0, size: int = 10) -> StoredFile:
    return StoredFile(path, size, NOW - timedelta(days=days))


def vectors(fingerprint: str, build_id: str, days: float, part: int = 0, size: int = 10) -> VectorFile:
    path = f"vectors/{fingerprint}/{build_id}-p{part:05d}.parquet"
    return VectorFile(path, fingerprint, build_id, size, NOW - timedelta(days=days))


def plan_file(build_id: str, fingerprint: str | None, alias: str = THINGS.alias) -> PlanFile:
    return PlanFile(
        f"{build_folder(alias, build_id)}/plan.json",
        alias,
        build_id,
        frozenset([fingerprint] if fingerprint else []),
        (),
    )


def store_view(
    *files: StoredFile,
    plans: Sequence[PlanFile] = (),
    vectors: Sequence[VectorFile] = (),
    markers: Sequence[Marker] = (),
) -> StoreView:
    return StoreView(tuple(files), tuple(plans), tuple(vectors), tuple(markers))


EMPTY = store_view()


def decided(corpus: CorpusView, store: StoreView = EMPTY, failures: Sequence[str] = ()) -> Cleanup:
    return plan_cleanup([corpus], store, NOW, failures)


def names(cleanup: Cleanup, kind: Kind) -> list[str]:
    return [action.name for action in cleanup.actions if action.kind is kind]


def paths(cleanup: Cleanup, name: str = "") -> set[str]:
    return {path for action in cleanup.actions if not name or action.name == name for path in action.paths}


def files_of(build_id: str, among: set[str] | None = None) -> set[str]:
    return {f"{build_folder(THINGS.alias, build_id)}/{file}" for file in WHOLE_BUILD if among is None or file in among}


@pytest.mark.parametrize(
    ("live", "files", "state"),
    [
        (True, ("plan.json", "receipt.json"), AT_WORK),
        (False, (), ENDED),
        (None, ("plan.json", "receipt.json"), ENDED),
        (None, ("dead_letters/scan.parquet",), ENDED),
        (None, ("plan.json", "manifest.parquet"), UNKNOWN),
        (None, (), UNKNOWN),
    ],
)
def test_only_a_run_s_end_a_receipt_or_a_refusal_proves_a_build_dead(
    live: bool | None, files: tuple[str, ...], state: BuildState
) -> None:
    assert build_state("b", files, lambda build_id: live) is state


@pytest.mark.parametrize(
    ("live", "files", "living", "state"),
    [
        # A scheduler's word counts first.
        (True, ("plan.json",), False, AT_WORK),
        (False, ("plan.json",), True, ENDED),
        # One of the command line, whoever asks. A build is alive before it has a plan.
        (None, ("alive.json",), True, AT_WORK),
        (None, ("alive.json", "plan.json"), True, AT_WORK),
        (None, ("alive.json", "plan.json"), False, ENDED),
        (None, ("alive.json", "plan.json", "receipt.json"), True, ENDED),
    ],
)
def test_a_run_outside_the_scheduler_is_judged_by_its_sign_of_life(
    live: bool | None, files: tuple[str, ...], living: bool, state: BuildState
) -> None:
    assert build_state("b", files, lambda build_id: live, living) is state
    assert build_state("b", files, None, living) is state or live is not None


@pytest.mark.parametrize("files", [("plan.json", "receipt.json"), ("dead_letters/scan.parquet",), ()])
def test_a_build_of_a_scheduler_that_nobody_can_ask_stays_unknown(files: tuple[str, ...]) -> None:
    assert build_state("b", files, None) is UNKNOWN


def test_models_go_when_their_build_has_ended() -> None:
    ended, live, unknown = build(0.1, 1), build(0.1, 2), build(0.1, 3)
    cleanup = decided(view(builds={ended: ENDED, live: AT_WORK, unknown: UNKNOWN}, groups=[ended, live, unknown]))
    assert names(cleanup, Kind.MODELS) == [group_name("things", ended)]


def test_the_newest_candidate_stays_three_days_and_older_ones_do_not() -> None:
    newest, older, oldest = (index(build(days)) for days in (2.9, 3.5, 4))
    assert names(decided(view(newest, older, oldest)), Kind.CANDIDATE) == [older.name, oldest.name]
    late = index(build(3.1))
    assert names(decided(view(late)), Kind.CANDIDATE) == [late.name]


@pytest.mark.parametrize("state", [ENDED, UNKNOWN])
def test_what_has_the_form_of_a_build_and_no_such_day_stays_and_stops_nothing(state: BuildState) -> None:
    odd, old = "20269999T999999-abcdef", build(30.1)
    made_by_hand = index(odd)
    group = group_name(THINGS.alias, odd)
    cleanup = decided(view(made_by_hand, builds={odd: state, old: ENDED}, groups=[group] if state is UNKNOWN else []))
    assert paths(cleanup) == files_of(old)
    assert names(cleanup, Kind.CANDIDATE) == []
    assert cleanup.unproven == []


@pytest.mark.parametrize("state", [AT_WORK, UNKNOWN])
def test_a_candidate_of_a_build_that_may_be_alive_stays_however_old(state: BuildState) -> None:
    old, older = build(20, 1), build(21, 1)
    cleanup = decided(view(index(old), index(older), builds={old: state, older: state}))
    assert names(cleanup, Kind.CANDIDATE) == []


def test_generations_beyond_retention_go_and_a_withdrawn_one_first() -> None:
    live, former = index(build(1), live=True), index(build(3), promoted=True)
    withdrawn, old = index(build(2), promoted=True, withdrawn=True), index(build(4), promoted=True)
    cleanup = decided(view(live, withdrawn, former, old))
    assert names(cleanup, Kind.GENERATION) == [old.name, withdrawn.name]


def test_no_generation_goes_while_something_runs_or_nothing_of_ours_is_live() -> None:
    live, former, old = index(build(1), live=True), index(build(2), promoted=True), index(build(3), promoted=True)
    assert names(decided(view(live, former, old)), Kind.GENERATION) == [old.name]
    assert names(decided(view(live, former, old, busy=BUSY)), Kind.GENERATION) == []
    unhooked = index(live.meta.build_id, promoted=True)
    assert names(decided(view(unhooked, former, old)), Kind.GENERATION) == []


def test_an_ended_build_loses_parts_and_manifests_after_two_days_and_the_rest_after_its_retention() -> None:
    young, middle, old = build(1.9), build(2.1), build(30.1)
    cleanup = decided(view(builds={young: ENDED, middle: ENDED, old: ENDED}))
    assert paths(cleanup) == files_of(middle, BULKY) | files_of(old)


@pytest.mark.parametrize("state", [AT_WORK, UNKNOWN])
def test_a_build_that_may_be_alive_keeps_its_files(state: BuildState) -> None:
    assert paths(decided(view(builds={build(100): state}))) == set()


@pytest.mark.parametrize("what", [{"live": True}, {"promoted": True}, {}])
def test_a_build_that_an_index_refers_to_keeps_its_files(what: dict[str, bool]) -> None:
    old, other = build(100), build(101)
    holder = index(old, **what, manifest=f"{build_folder('things', other)}/manifest-final.parquet")
    kept = decided(view(holder, builds={old: UNKNOWN if not what else ENDED, other: ENDED}))
    assert paths(kept) == set()
    assert paths(decided(view(builds={old: ENDED, other: ENDED}))) == files_of(old) | files_of(other)


def test_where_nothing_is_live_any_more_what_would_restore_it_stays() -> None:
    was_live, failed, old = build(35), build(36), vectors(UNUSED, build(40), 40)
    builds = {was_live: ENDED, failed: ENDED}
    cleanup = decided(view(builds=builds, lost_builds=frozenset({was_live})), store_view(vectors=[old]))
    assert paths(cleanup) == files_of(failed)
    (said,) = (note for note in cleanup.notes if note.startswith("all vectors stay"))
    assert f"no index of 'things' is live, though build {was_live} was" in said
    assert "delete things/builds from the store" in said


def test_scans_go_when_they_are_old_and_no_plan_needs_them() -> None:
    used, young, old = (
        stored(f"things/manifests/{name}.parquet", days) for name, days in zip("abc", (90, 29, 31), strict=True)
    )
    known: dict[str, Any] = {"scans": (used, young, old), "scans_in_use": frozenset({used.path})}
    assert paths(decided(view(**known))) == {old.path}
    assert paths(decided(view(**known, busy=BUSY))) == set(), "a run that scans now may count on any of them"
    assert paths(decided(view(scans=(old,)))) == set(), "no plan says which are needed"


def test_vectors_go_when_no_index_and_no_kept_plan_uses_their_encoder() -> None:
    old = [vectors(UNUSED, build(40, n), 40, n) for n in range(2)]
    marker = Marker(marker_path("vectors/" + UNUSED + "/x-m1.parquet"), f"vectors/{UNUSED}/x-m1.parquet", (), None)
    cleanup = decided(view(), store_view(vectors=old, markers=[marker]))
    (action,) = cleanup.actions
    assert action.paths == (marker.path, *(file.path for file in old)), "a marker without its files would never be done"


def test_vectors_stay_for_an_index_for_a_plan_and_while_they_are_young() -> None:
    old = vectors(UNUSED, build(40), 40)
    store = store_view(vectors=[old])
    assert paths(decided(view(), store)) == {old.path}
    assert paths(decided(view(index(build(35), promoted=True, fingerprint=UNUSED)), store)) == set()
    assert paths(decided(view(), store_view(vectors=[old, vectors(UNUSED, build(1), 29)]))) == set()
    kept = plan_file(build(10), UNUSED)
    assert paths(decided(view(), store_view(vectors=[old], plans=[kept]))) == set()
    stranger = plan_file(build(100), UNUSED, alias="somebody-elses")
    cleanup = decided(view(), store_view(vectors=[old], plans=[stranger]))
    assert paths(cleanup) == set()
    assert "builds of 'somebody-elses', which was not looked at; they stay" in cleanup.notes[0]


def test_a_plan_that_goes_keeps_no_vectors() -> None:
    gone, old = build(31), vectors(UNUSED, build(31), 31)
    cleanup = decided(view(builds={gone: ENDED}), store_view(vectors=[old], plans=[plan_file(gone, UNUSED)]))
    assert paths(cleanup) == files_of(gone) | {old.path}


def test_one_doubt_keeps_all_vectors() -> None:
    old, odd = vectors(UNUSED, build(40), 40), plan_file(build(1), None)
    doubts = {
        BUSY: decided(view(busy=BUSY), store_view(vectors=[old])),
        f"{odd.path} cannot be read": decided(view(), store_view(vectors=[old], plans=[odd])),
        "not every corpus could be looked at": decided(view(), store_view(vectors=[old]), ["'news' did not answer"]),
    }
    for reason, cleanup in doubts.items():
        assert paths(cleanup) == set()
        assert f"all vectors stay: {reason}" in cleanup.notes


def test_temporary_files_and_reports_go_when_they_are_old() -> None:
    files = {
        "things/builds/x/.manifest.parquet.0123abcd.tmp": 7.1,
        ".spill-x.tmp/0.arrow": 7.1,
        ".spill-y.tmp/0.arrow": 6.9,
        "janitor/20260101T000000.json": 31,
        "janitor/20260301T000000.json": 19,
        "janitor/builds/20250101T000000-abcdef/plan.json": 400,
        "things/rollbacks/20250101T000000.json": 400,
        "theirs.tmp": 400,
        "janitor.json": 400,
    }
    cleanup = decided(view(), store_view(*(stored(path, days) for path, days in files.items())))
    assert paths(cleanup, "temporary files") == {*list(files)[:2]}
    assert paths(cleanup) == {*list(files)[:2], "janitor/20260101T000000.json"}


def test_what_cannot_be_proven_dead_is_named_after_a_week() -> None:
    old, young = build(7.1), build(6.9)
    cleanup = decided(view(index(old), builds={old: UNKNOWN, young: UNKNOWN}, groups=[old, young]))
    assert cleanup.actions == []
    assert len(cleanup.unproven) == 3
    for thing in (group_name("things", old), candidate_name("things", old), build_folder("things", old)):
        assert any(thing in doubt and "delete it by hand" in doubt for doubt in cleanup.unproven)
    assert young not in str(cleanup)


def many(count: int, build_id: str, size: int = 10, fingerprint: str = USED) -> list[VectorFile]:
    return [vectors(fingerprint, build_id, 5, part, size) for part in range(count)]


def compacted(files: Sequence[VectorFile], corpus: CorpusView, **store: Any) -> list[Action]:
    store.setdefault("plans", [plan_file(build(0.2), USED)])
    cleanup = decided(corpus, store_view(vectors=files, **store))
    return [action for action in cleanup.actions if action.kind is Kind.COMPACT]


def test_many_small_vector_files_become_few_and_a_few_stay() -> None:
    ended = build(5)
    corpus = view(builds={ended: ENDED})
    assert compacted(many(31, ended), corpus) == []
    (action,) = compacted(many(32, ended), corpus)
    assert set(action.paths) == {file.path for file in many(32, ended)}
    assert action.target.startswith(f"vectors/{USED}/{ended}-m")
    large = vectors(USED, ended, 5, 99, 64_000_000)
    assert large.path not in {path for each in compacted([*many(40, ended), large], corpus) for path in each.paths}
    groups = compacted(many(40, ended, size=60_000_000), corpus)
    assert [len(group.paths) for group in groups] == [4] * 10, "256 MB at a time"


def test_the_vectors_of_a_build_that_may_go_on_are_not_compacted() -> None:
    working, gone = build(0.5), build(60)
    unknown = view(builds={working: UNKNOWN})
    plans = [plan_file(working, USED)]
    assert compacted(many(40, working), unknown, plans=plans) == []
    assert len(compacted(many(40, gone), unknown, plans=plans)) == 1, "its plan is gone: nobody works on it"


def test_a_compaction_that_was_begun_is_repeated_as_it_was_and_nothing_is_compacted_twice() -> None:
    ended = build(5)
    corpus, files = view(builds={ended: ENDED}), many(40, ended)
    target = f"vectors/{USED}/{ended}-m000000000000.parquet"
    sources = tuple(file.path for file in files[:3])
    begun = Marker(marker_path(target), target, sources, None)
    actions = compacted(files, corpus, markers=[begun])
    assert (actions[0].target, actions[0].paths) == (target, sources)
    assert not {path for action in actions[1:] for path in action.paths} & set(sources)
    done = Marker(begun.path, target, tuple(file.path for file in files), NOW)
    there = VectorFile(target, USED, ended, 10, NOW)
    assert compacted([*files, there], corpus, markers=[done]) == []


def test_merged_files_go_a_day_after_their_merge() -> None:
    ended = build(5)
    target = f"vectors/{USED}/{ended}-m000000000000.parquet"
    corpus, plans = view(builds={ended: ENDED}), [plan_file(build(0.2), USED)]
    for days, expected in ((0.9, 0), (1.1, 1)):
        merged = Marker(marker_path(target), target, ("vectors/x",), NOW - timedelta(days=days))
        store = store_view(vectors=[vectors(USED, ended, 5)], plans=plans, markers=[merged])
        actions = [action for action in decided(corpus, store).actions if action.kind is Kind.MERGED]
        assert len(actions) == expected


def test_a_cleanup_is_narrowed_to_what_a_later_look_says_too() -> None:
    def cleanup(*actions: Action) -> Cleanup:
        return Cleanup(at=NOW, actions=list(actions), notes=[], unproven=[])

    group, candidate = (
        Action(kind=kind, alias="things", name="x", reason="r") for kind in (Kind.MODELS, Kind.CANDIDATE)
    )
    files = Action(kind=Kind.FILES, name="scans", reason="r", paths=("a", "b"))
    merge = Action(kind=Kind.COMPACT, name="v", reason="r", paths=("a", "b"), target="m")
    less = {"paths": ("b", "c")}
    later = cleanup(group, files.model_copy(update=less), merge.model_copy(update=less))
    narrowed = cleanup(group, candidate, files, merge).still_in(later)
    assert narrowed.actions == [group, files.model_copy(update={"paths": ("b",)})]
    gone = later.model_copy(update={"actions": [files.model_copy(update={"paths": ("c",)})]})
    assert cleanup(files).still_in(gone).actions == []


Built = tuple[float, BuildState, dict[str, bool] | None, bool, str]  # days, state, kind, has models, fingerprint
KINDS = st.sampled_from([{"live": True}, {"promoted": True}, {"promoted": True, "withdrawn": True}, {}, None])


@settings(max_examples=200, deadline=None)
@given(
    world=st.lists(
        st.tuples(
            st.floats(0, 90), st.sampled_from(list(BuildState)), KINDS, st.booleans(), st.sampled_from([USED, UNUSED])
        ),
        max_size=8,
    ),
    generations=st.integers(0, 3),
    failures=st.sampled_from([(), ("'news' did not answer",)]),
)
def test_nothing_of_a_live_run_or_a_kept_index_ever_goes(
    world: list[Built], generations: int, failures: tuple[str, ...]
) -> None:
    """Whatever there is: builds of any age, state and outcome, with and without models and vectors."""
    config = corpus_config("things", retention={"generations": generations, "builds_days": 30})
    indices, builds = list[OwnIndex](), dict[str, BuildState]()
    groups, stored_vectors, plans = list[str](), list[VectorFile](), list[PlanFile]()
    for number, (days, state, kind, has_group, fingerprint) in enumerate(world):
        name = build(days, number)
        builds[name] = state
        if kind is not None:
            one_is_live = any(each.live for each in indices)
            allowed = {"promoted": True} if one_is_live and "live" in kind else kind
            indices.append(index(name, **allowed, fingerprint=fingerprint))
        groups += [name] if has_group else []
        stored_vectors.append(vectors(fingerprint, name, days))
        plans.append(plan_file(name, fingerprint))
    corpus = view(*indices, builds=builds, groups=groups, config=config)
    cleanup = decided(corpus, store_view(vectors=stored_vectors, plans=plans), failures)

    gone, removed = paths(cleanup), {action.name for action in cleanup.actions}
    generations_left = [each.name for each in indices if each.is_generation and each.name not in removed]
    assert len(generations_left) >= min(generations, sum(each.is_generation for each in indices))
    for each in indices:
        assert not (each.live and each.name in removed)
        if each.name not in removed or each.is_generation:
            kept_build = {path for path in gone if path.startswith(f"{build_folder('things', each.meta.build_id)}/")}
            assert not kept_build, "an index that stays keeps manifest, plan and receipt"
        assert not {path for path in gone if path.startswith(f"vectors/{each.meta.fingerprint}/")}
    for name, state in builds.items():
        if state is not ENDED:
            mine = {group_name("things", name), candidate_name("things", name)}
            failed = {each.name for each in indices if each.is_failed_candidate}
            assert not removed & ({group_name("things", name)} | (mine & failed))
            assert not {path for path in gone if name in path}
