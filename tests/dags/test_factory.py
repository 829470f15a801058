"""Corpus files become DAGs; a broken file becomes a DAG that says why, and harms no other."""

from __future__ import annotations

import json
import os
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
import yaml
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException
from airflow.timetables.base import TimeRestriction

from dag_help import load_dags
from opensearch_ml import factory
from opensearch_ml.corpora import corpus_config
from opensearch_ml.dag_names import PREFIX, broken_dag_id
from opensearch_ml.factory import BrokenCorpusOperator
from sparse_index.config.corpus import CorpusConfig
from sparse_index.live.age import data_age_s

BAD = broken_dag_id("bad")
BROKEN = """
alias: My--Alias
store: ""
sauce: {}
source: {uri: x.parquet, id_column: id, text_template: "no column"}
"""


@pytest.fixture
def corpora(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(root / "include" / "corpora" / "tickets.yaml", tmp_path / "good.yaml")
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    return tmp_path


def broken_task(dag: DAG) -> BrokenCorpusOperator:
    task = dag.tasks[0]
    assert isinstance(task, BrokenCorpusOperator)
    return task


def test_a_broken_file_fails_with_all_its_problems_in_one_message(corpora: Path) -> None:
    (corpora / "bad.yaml").write_text(BROKEN)
    dags = load_dags()
    assert {dag_id for dag_id in dags if dag_id.startswith(PREFIX)} == {
        "sparse_index__good",
        "sparse_index__good__serving",
    }
    assert "broken" not in dags["sparse_index__good"].tags
    bad = dags[BAD]
    assert "broken" in bad.tags
    with pytest.raises(AirflowFailException) as caught:
        broken_task(bad).execute({})
    for problem in ("bad.yaml", "sauce", "alias", "encoder", "text_template"):
        assert problem in str(caught.value)


def test_the_page_of_a_broken_corpus_lists_its_problems_and_names_the_file_s_owner(corpora: Path) -> None:
    (corpora / "bad.yaml").write_text(f"owner: the-owner\n{BROKEN}")
    bad = load_dags()[BAD]
    found = broken_task(bad).problems.splitlines()[1:]
    assert bad.dag_display_name == "BROKEN: Search index: bad"
    assert bad.owner == "the-owner"
    assert bad.description == f"bad cannot be used: {found[0].removeprefix('  - ')}"
    items = [line for line in str(bad.doc_md).splitlines() if line.startswith("- ")]
    assert len(items) == len(found) > 3
    assert "- sauce: Extra inputs are not permitted" in items


@pytest.mark.parametrize("link", ["https://wiki.example/search", "mailto:search@example.org"])
def test_the_owner_is_a_link(corpora: Path, link: str) -> None:
    with (corpora / "good.yaml").open("a") as file:
        file.write(f"owner_url: {link}\n")
    dags = load_dags()
    for dag_id in ("sparse_index__good", "sparse_index__good__serving"):
        assert dags[dag_id].owner_links == {dags[dag_id].owner: link}
    serialized(dags)


def test_what_a_problem_quotes_means_nothing_in_the_page(corpora: Path) -> None:
    """A key that nobody knows is repeated."""
    (corpora / "bad.yaml").write_text(BROKEN.replace("sauce", "'<img src=x> *b_c [x](y)'"))
    bad = load_dags()[BAD]
    assert "<img src=x> *b_c [x](y): Extra inputs" in broken_task(bad).problems
    assert r"- \<img src=x\> \*b\_c \[x\]\(y\): Extra inputs are not permitted" in str(bad.doc_md).splitlines()


@pytest.mark.parametrize("owner", ["[a, list]", "''", f"'{'o' * 501}'", "'half \\ud83d'"])
def test_an_owner_that_cannot_be_one_harms_nothing(corpora: Path, owner: str) -> None:
    (corpora / "bad.yaml").write_text(f"owner: {owner}\n{BROKEN}")
    serialized(load_dags())


def test_a_folder_without_corpora_is_said(corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (corpora / "good.yaml").unlink()
    for folder, words in ((corpora, "has no corpus file"), (corpora / "nowhere", "there is no folder")):
        monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(folder))
        (broken,) = (dag for dag in load_dags().values() if "broken" in dag.tags)
        assert broken.dag_display_name == f"BROKEN: Search index: {folder}"
        assert words in str(broken.description)
        assert "SPARSE_INDEX_CORPORA" in broken_task(broken).problems
        serialized({broken.dag_id: broken})
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", broken.dag_id)
        assert broken.dag_id in load_dags(), "a task of it finds it"
        monkeypatch.delenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID")


def test_the_list_shows_corpora_what_serves_them_and_operations_together(corpora: Path) -> None:
    names = {dag_id: dag.dag_display_name for dag_id, dag in load_dags().items()}
    assert names == {
        "sparse_index__good": "Search index: good",
        "sparse_index__good__serving": "Search serving: good",
        "sparse_index_forget": "Search operations: forget documents",
        "sparse_index_janitor": "Search operations: janitor",
        "sparse_index_redrive": "Search operations: redrive dead letters",
        "sparse_index_rollback": "Search operations: roll back",
    }


def test_text_that_is_no_yaml_breaks_only_its_own_dag(corpora: Path) -> None:
    (corpora / "bad.yaml").write_text("alias: [tickets")
    dags = load_dags()
    assert "broken" in dags[BAD].tags
    assert "not YAML" in broken_task(dags[BAD]).problems


def test_two_files_with_one_alias_are_both_broken_and_name_each_other(corpora: Path) -> None:
    shutil.copy(corpora / "good.yaml", corpora / "twin.yaml")
    dags = load_dags()
    assert "twin.yaml" in broken_task(dags[broken_dag_id("good")]).problems
    assert "good.yaml" in broken_task(dags[broken_dag_id("twin")]).problems


def test_only_the_dag_that_a_task_needs_is_built(corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (corpora / "bad.yaml").write_text(BROKEN)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "sparse_index__good")
    assert {dag_id for dag_id in load_dags() if dag_id.startswith(PREFIX)} == {"sparse_index__good"}


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("schedule", "nonsense", "'nonsense' is neither cron text nor a preset"),
        ("schedule", "0 25 * * *", "'0 25 * * *' is neither cron text nor a preset"),
        ("schedule", "", "'' is neither cron text nor a preset"),
        ("schedule", "None", "write null (without quotes) to run by hand only"),
        ("schedule", "@once", "'@once' names no times"),
        ("schedule", "@continuous", "'@continuous' names no times"),
        ("schedule", "0 0 3 * * *", "has more than the five fields"),
        ("schedule", "0 0 30 2 *", "names a day that no month has"),
        ("schedule", "0 0 31 4,6 *", "names a day that no month has"),
        ("tags", ["t" * 101], "tags.0: String should have at most 100 characters"),
        ("owner", "o" * 501, "owner: String should have at most 500 characters"),
        ("owner_url", "search@example.org", "owner_url: it is no link"),
        ("owner_url", "javascript:alert(1)", "is no link"),
        ("owner_url", "https://", "is no link"),
        ("connection", "my conn/é", "connection: it is no id of an Airflow connection"),
        ("connection", "", "connection: it is no id of an Airflow connection"),
        ("description", "NUL \0", "has a character that no database stores"),
        ("description", "half \ud83d", "is not YAML"),
        ("schedule", "0,30 " * 50, "schedule: String should have at most 150 characters"),
    ],
)
def test_a_value_that_airflow_refuses_breaks_only_its_own_dag(
    corpora: Path, key: str, value: object, words: str
) -> None:
    good = (corpora / "good.yaml").read_text().replace("alias: tickets", "alias: other")
    (corpora / "bad.yaml").write_text("\n".join(line for line in good.splitlines() if not line.startswith(f"{key}:")))
    with (corpora / "bad.yaml").open("a") as file:
        file.write(f"\n{key}: {json.dumps(value)}\n")
    dags = load_dags()
    assert "broken" not in dags["sparse_index__good"].tags
    assert words in broken_task(dags[BAD]).problems
    serialized(dags)


# A corpus file's name as bytes, and whether Airflow takes it.
NAMES = {
    "my corpus": False,
    "a&b": False,
    "a_b": True,
    "a'b": False,
    "a%b": False,
    "tickets#1": False,
    "{{x}}": False,
    "Verträge (alt)": False,
    "köln": True,
    "日本": True,
    "contracts.prod": True,
    "line\nbreak": False,
    "ends\n": False,
    "x" * 236: True,
    "x" * 237: False,
    os.fsdecode(b"latin-\xfc"): False,
}


def test_names_that_airflow_refuses_break_only_their_own_dags_under_safe_ids(corpora: Path) -> None:
    good = (corpora / "good.yaml").read_text()
    for number, name in enumerate(NAMES):
        (corpora / f"{name}.yaml").write_text(good.replace("alias: tickets", f"alias: other-{number}"))
    dags = {dag_id: dag for dag_id, dag in load_dags().items() if not dag.tags & {"operations", "serving"}}
    broken = {dag_id for dag_id, dag in dags.items() if "broken" in dag.tags}
    assert dags.keys() - broken == {
        "sparse_index__good",
        *(f"{PREFIX}{name}" for name, takes in NAMES.items() if takes),
    }
    assert len(broken) == list(NAMES.values()).count(False)
    for dag_id in broken:
        assert re.fullmatch(r"sparse_index_broken__[0-9A-Za-z._-]{1,120}", dag_id)
        assert "rename the file" in broken_task(dags[dag_id]).problems
    serialized(dags)


def test_a_broken_dag_is_found_again_by_its_task(corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks it: its name, another file, or a notifier, at none of which a task of the corpus itself looks."""
    good = (corpora / "good.yaml").read_text()
    (corpora / "my corpus.yaml").write_text(good.replace("alias: tickets", "alias: mine"))
    (corpora / "twin.yaml").write_text(good)
    untold = good.replace("alias: tickets", "alias: untold") + "\nalerts: [{notifier: told.Nobody}]\n"
    (corpora / "untold.yaml").write_text(untold)
    broken = {dag_id for dag_id, dag in load_dags().items() if "broken" in dag.tags}
    assert broken == {broken_dag_id(name) for name in ("my corpus", "good", "twin", "untold")}
    for dag_id in broken:
        monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", dag_id)
        assert isinstance(broken_task(load_dags()[dag_id]), BrokenCorpusOperator)


def test_a_broken_file_fails_each_night_without_anybody_s_doing(corpora: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Airflow's scheduler reckons: it begins at the next of the nights, and is not paused."""
    (corpora / "bad.yaml").write_text(BROKEN)
    dag = as_scheduled(load_dags()[BAD])
    assert (dag.is_paused_upon_creation, dag.has_on_failure_callback) == (False, True)
    monkeypatch.setattr("airflow.timetables.trigger.utcnow", lambda: pendulum.datetime(2026, 3, 4, 15))
    first = dag.next_dagrun_info(last_automated_run_info=None)
    assert first is not None
    assert first.run_after == datetime(2026, 3, 5, 4, 30, tzinfo=UTC)


def test_the_forms_offer_only_corpora_that_have_a_dag(corpora: Path) -> None:
    for name in ("my corpus", os.fsdecode(b"latin-\xfc")):
        (corpora / f"{name}.yaml").write_text("alias: other")
    (corpora / "other.yml").write_text("alias: other")
    for name in ("rollback", "redrive"):
        assert load_dags()[f"sparse_index_{name}"].params.get_param("corpus").schema["enum"] == ["good", "other"]


def test_whatever_breaks_while_a_dag_is_made_breaks_that_dag_alone(
    corpora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(corpora / "good.yaml", corpora / "odd.yaml")
    (corpora / "odd.yaml").write_text((corpora / "good.yaml").read_text().replace("alias: tickets", "alias: odd"))
    made = factory._dag

    def half_made(corpus: str, config: CorpusConfig, **common: Any) -> DAG:
        dag = made(corpus, config, **common)
        if corpus == "odd":
            dag.add_task(BrokenCorpusOperator(task_id="preflight", problems=""))  # a second one of that id is refused
        return dag

    monkeypatch.setattr(factory, "_dag", half_made)
    dags = load_dags()
    assert "broken" not in dags["sparse_index__good"].tags
    assert "sparse_index__odd" not in dags
    assert "DuplicateTaskIdFound" in broken_task(dags[broken_dag_id("odd")]).problems


def test_a_parse_opens_each_corpus_file_once_and_a_task_its_own_only(
    corpora: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"c{number}" for number in range(12)]
    good = (corpora / "good.yaml").read_text()
    for name in names:
        (corpora / f"{name}.yaml").write_text(good.replace("alias: tickets", f"alias: {name}"))
    opened: list[str] = []
    open_ = Path.open

    def opening(path: Path, *arguments: Any, **options: Any) -> object:
        opened.extend([path.stem] if path.parent == corpora else [])
        return open_(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", opening)
    load_dags()  # the operations' DAGs too, whose forms list the corpora; two files make DAGs of them
    assert sorted(opened) == sorted([*names, "good"] * 2)
    opened.clear()
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "sparse_index__c7")
    load_dags()
    assert opened == ["c7"]
    opened.clear()
    assert corpus_config(corpora, "c8").alias == "c8"
    assert opened == ["c8"]


def serialized(dags: dict[str, DAG]) -> None:
    """As the dag processor does: one DAG that cannot be written marks all DAGs of the file as gone."""
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags.values():
        assert json.dumps(DagSerialization.to_dict(dag), ensure_ascii=False).encode()


def as_scheduled(dag: DAG) -> Any:
    """As the scheduler has it."""
    from airflow.serialization.serialized_objects import DagSerialization

    return DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))


def feed(corpora: Path, schedule: str) -> DAG:
    text = (corpora / "good.yaml").read_text()
    text = text.replace("tickets.parquet", "{data_date}").replace("id_column: id", "id_column: id\n  columns: [id]")
    (corpora / "good.yaml").write_text(f"{text}\nkind: feed\nschedule: {schedule}\n")
    return load_dags()["sparse_index__good"]


def next_run_of(dag: Any, earliest: datetime) -> Any:
    restriction = TimeRestriction(earliest=pendulum.instance(earliest), latest=None, catchup=True)
    found = dag.timetable.next_dagrun_info_v2(last_dagrun_info=None, restriction=restriction)
    assert found is not None
    return found


@pytest.mark.parametrize(("schedule", "time"), [("'@daily'", "00:00"), ("30 6 * * *", "06:30")], ids=["preset", "cron"])
def test_a_feed_s_run_reads_the_day_before_and_a_backfill_each_of_its_days(
    corpora: Path, schedule: str, time: str
) -> None:
    dag = as_scheduled(feed(corpora, schedule))
    after, first = datetime.fromisoformat(f"2026-03-04T{time}Z"), datetime(2026, 3, 1, tzinfo=UTC)
    next_run = next_run_of(dag, after)
    assert (next_run.run_after, next_run.partition_key) == (after, "2026-03-03")
    days = [info.partition_key for info in dag.iter_dagrun_infos_between(first, first + timedelta(days=3))]
    assert days == [f"2026-03-0{day}" for day in ((1, 2, 3, 4) if time == "00:00" else (1, 2, 3))]


@pytest.mark.parametrize("intervals", ["True", "False"])
@pytest.mark.parametrize(("schedule", "time"), [("'@daily'", "00:00"), ("30 6 * * *", "06:30")], ids=["preset", "cron"])
def test_a_snapshot_s_run_stands_for_the_day_on_which_it_begins(
    corpora: Path, monkeypatch: pytest.MonkeyPatch, schedule: str, time: str, intervals: str
) -> None:
    """Not for the day before, which Airflow makes of a bare text where it is told to create data intervals."""
    monkeypatch.setenv("AIRFLOW__SCHEDULER__CREATE_CRON_DATA_INTERVALS", intervals)
    with (corpora / "good.yaml").open("a") as file:
        file.write(f"\nschedule: {schedule}\n")
    dag, begins = as_scheduled(load_dags()["sparse_index__good"]), datetime.fromisoformat(f"2026-03-04T{time}Z")
    next_run = next_run_of(dag, begins)
    assert next_run.logical_date == next_run.run_after == begins
    hour, minute = time.split(":")
    assert dag.timetable.summary == f"{int(minute)} {int(hour)} * * *", "the console reads it"


def test_the_guide_says_how_old_the_data_of_its_feed_are_in_good_order(corpora: Path, root: Path) -> None:
    """They are oldest just before the next run ends; the janitor looks before that."""
    guide = (root / "docs" / "add-a-corpus.md").read_text()
    (example,) = (block for block in re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL) if "kind: feed" in block)
    dag = as_scheduled(feed(corpora, f"'{yaml.safe_load(example)['schedule']}'"))
    run = next_run_of(dag, datetime(2026, 3, 4, tzinfo=UTC))
    assert (run.run_after, run.partition_key) == (datetime(2026, 3, 4, 6, 30, tzinfo=UTC), "2026-03-03")
    live: Any = SimpleNamespace(data_date=date.fromisoformat(run.partition_key))
    seen = {hour: data_age_s(live, datetime.fromisoformat(f"2026-03-05T{hour}Z")) / 3600 for hour in ("04:30", "07:00")}
    assert seen == {"04:30": 52.5, "07:00": 55}
    assert "up to 48 hours plus the time of day at which a run ends: with runs that end at 07:00, 55." in guide


def test_a_feed_without_a_schedule_runs_by_hand(corpora: Path) -> None:
    assert feed(corpora, "null").timetable.can_be_scheduled is False
