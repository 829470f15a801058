"""Who is told how a run ended: one message a failed run, one when it is green again, and nothing that only parsing could know."""

from __future__ import annotations

import json
import logging
import re
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException, AirflowTaskTimeout, TaskAwaitingInput
from airflow.utils.state import DagRunState

from anchors import anchors
from dag_help import load_dags
from opensearch_ml.alerts import told_of_all
from opensearch_ml.corpora import corpus_config
from opensearch_ml.dag_names import broken_dag_id, kind_of
from opensearch_ml.factory import BrokenCorpusOperator
from opensearch_ml.notifier import KILLED
from opensearch_ml.operators.household import Household
from opensearch_ml.operators.receipt import why
from opensearch_ml.operators.serving import ServingLookOperator
from opensearch_ml.runs import homes_of
from sparse_index.config.neighbours import Neighbours
from sparse_index.console.remedies import remedy
from sparse_index.errors import BuildError
from sparse_index.gate.doubt import Question
from sparse_index.operations.cleanup import Cleanup
from sparse_index.operations.janitor import save_cleanup
from sparse_index.store.files import Store
from told import TOLD

KEEPS = {"notifier": "told.Keeps", "arguments": {"to": "#news-s3cret"}}
FAILS = {"notifier": "told.Fails"}
DAG_ID, BROKEN_ID = "sparse_index__first", broken_dag_id("first")
Written = Callable[..., dict[str, DAG]]


@pytest.fixture
def written(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, told: list[dict[str, Any]]) -> Written:
    """The DAGs of two corpora, of which the first has these keys more."""
    monkeypatch.setenv("SPARSE_INDEX_CORPORA", str(tmp_path))
    raw = yaml.safe_load((root / "include" / "corpora" / "tickets.yaml").read_text())
    shutil.copy(root / "include" / "corpora" / "news.yaml", tmp_path / "second.yaml")

    def dags(**keys: Any) -> dict[str, DAG]:
        store = {"store": str(tmp_path / "store"), "owner": "Ada"}
        (tmp_path / "first.yaml").write_text(yaml.safe_dump(raw | store | keys))
        return load_dags()

    return dags


def context(
    dag: DAG,
    task_id: str,
    run_id: str,
    failed: tuple[str, ...] = (),
    error: str | None = None,
    outcome: str = "promoted",
    day: str | None = None,
    before: str | None = None,
    asked: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """What Airflow gives a callback of a task, when these tasks of its run have failed (by name), or its receipt has told of this
    outcome. `day`: the run's partition; `before`: how the run before ended; `asked`: of its form."""
    crumbs = [{"task_id": name, "map_index": -1, "state": "failed", "duration": 1.0} for name in sorted(failed)]
    ti = SimpleNamespace(
        dag_id=dag.dag_id,
        task_id=task_id,
        run_id=run_id,
        get_task_breadcrumbs=lambda dag_id, run_id: [
            *crumbs,
            {"task_id": "plan", "state": "success", "map_index": -1, "duration": 1},
        ],
        xcom_pull=lambda task_ids, map_indexes=None, key="": (
            f"no more memory in {task_ids}" if key else {"outcome": outcome}
        ),
        get_previous_dagrun=lambda: before and SimpleNamespace(state=DagRunState(before)),
    )
    run = SimpleNamespace(partition_key=day, logical_date=None, run_after=datetime(2026, 5, 5, tzinfo=UTC))
    found = {
        "ti": ti,
        "task": dag.get_task(task_id),
        "dag_run": run,
        "run_id": run_id,
        "params": dag.params.dump() | dict(asked),
    }
    return found | ({"exception": RuntimeError(error)} if error else {})


def call(dag: DAG, task_id: str, kind: str, run_id: str, **found: Any) -> None:
    """As the task runner does when a task has ended."""
    for callback in getattr(dag.get_task(task_id), kind):
        callback(context(dag, task_id, run_id, **found))


def texts() -> list[str]:
    return [one["text"] for one in TOLD]


def test_one_task_of_a_run_tells_of_all_of_it(written: Written) -> None:
    dag = written(alerts=[KEEPS])[DAG_ID]
    telling = {task.task_id for task in dag.tasks if task.on_failure_callback or task.on_success_callback}
    assert telling == {"receipt"}


def test_a_failed_run_is_told_with_its_reason_its_page_and_whom_it_concerns(written: Written) -> None:
    dag = written(alerts=[KEEPS], runbook_url="https://wiki.example/news", owner_url="mailto:ada@example.org")[DAG_ID]
    call(
        dag,
        "receipt",
        "on_failure_callback",
        "manual__1+00:00",
        failed=("encode", "delete_model", "receipt"),
        error="encode failed: Model m1 of this build is gone.",
    )
    assert texts() == [
        "sparse_index__first failed in 'encode' (run manual__1+00:00)\n"
        "encode failed: Model m1 of this build is gone.\n"
        "Run: http://localhost:8080/sparse-index/runs/sparse_index__first/manual__1%2B00%3A00\n"
        "What to do: docs/operate.md#the-model-is-gone\n"
        "Runbook: https://wiki.example/news\n"
        "Owner: Ada, mailto:ada@example.org"
    ]


def test_after_a_persons_no_the_run_failed_in_approve_whatever_failed_beside_it(written: Written) -> None:
    dag = written(alerts=[KEEPS])[DAG_ID]
    said = why({"delete_model": "no answer from the cluster"}, "Reject by vera, 2026-03-01")
    call(dag, "receipt", "on_failure_callback", "r1", failed=("delete_model", "receipt"), error=said)
    title, *_, remedied, _ = texts()[0].splitlines()
    assert title == "sparse_index__first failed in 'approve' (run r1)"
    assert remedied == "What to do: docs/operate.md#the-gate-is-in-doubt"


def test_each_failed_run_is_told_and_the_first_good_one_after_them(written: Written) -> None:
    dag = written(alerts=[KEEPS])[DAG_ID]
    call(dag, "receipt", "on_success_callback", "r0")
    assert TOLD == [], "nobody was told of a failure"
    for run_id in ("r1", "r2"):
        call(dag, "receipt", "on_failure_callback", run_id, error="no memory")
    for run_id in ("r3", "r4"):
        call(dag, "receipt", "on_success_callback", run_id)
    assert [one["kind"] for one in TOLD] == ["failed", "failed", "green"]
    assert "Run r3 ended well. It was red since run r1, of which you were told at 20" in texts()[-1]


@pytest.mark.parametrize(
    ("outcome", "kinds"),
    [("plan_only", ["failed"]), ("not_promoted", ["failed"]), ("nothing_changed", ["failed", "green"])],
)
def test_what_leaves_readers_what_they_had_is_no_good_news(written: Written, outcome: str, kinds: list[str]) -> None:
    """A plan alone, and a build of some rows, may be green: the next real run says that all is well again."""
    dag = written(alerts=[KEEPS])[DAG_ID]
    call(dag, "receipt", "on_failure_callback", "r1", error="no memory")
    call(dag, "receipt", "on_success_callback", "r2", outcome=outcome)
    assert [one["kind"] for one in TOLD] == kinds
    call(dag, "receipt", "on_success_callback", "r3")
    assert [one["kind"] for one in TOLD] == ["failed", "green"]


FEED = {
    "kind": "feed",
    "source": {
        "uri": "/data/day={data_date}",
        "id_column": "id",
        "text_template": "{title}. {body}",
        "columns": ["id", "title", "body", "category"],
        "deleted_column": "deleted",
    },
}


def test_a_day_of_a_feed_is_taken_back_by_its_own_run_alone(written: Written) -> None:
    dag = written(alerts=[KEEPS], **FEED)[DAG_ID]
    for number in (1, 2):
        error = f"plan_shards failed: the partition 2026-03-0{number} has not arrived"
        call(dag, "receipt", "on_failure_callback", f"d{number}", error=error, day=f"2026-03-0{number}")
    for number in (3, 4, 1, 5, 2, 6):
        call(dag, "receipt", "on_success_callback", f"d{number}", day=f"2026-03-0{number}")
    assert [one["kind"] for one in TOLD] == ["failed", "failed", "green", "green", "green"]
    third, first, second = texts()[2:]
    assert third.startswith(
        f"{DAG_ID} is green again, but for 2 of its days\nRun d3 ended well. It was red since run d1,"
    )
    assert "Days whose run failed, and of which none has ended well since: 2026-03-01, 2026-03-02. Clear it" in third
    assert first.startswith(f"{DAG_ID} is green again, but for 1 of its days\nRun d1 ended well")
    assert second.startswith(f"{DAG_ID} is green again\nRun d2 ended well")
    assert "Days whose run" not in second


@pytest.mark.parametrize("asked", [{"mode": "plan_only"}, {"row_limit": 5}])
def test_a_trial_that_fails_makes_no_day_of_a_feed_missing(written: Written, asked: dict[str, Any]) -> None:
    dag = written(alerts=[KEEPS], **FEED)[DAG_ID]
    call(dag, "receipt", "on_failure_callback", "t1", error="too old", day="2026-03-01", asked=asked)
    call(dag, "receipt", "on_success_callback", "d2", day="2026-03-02")
    assert [one["kind"] for one in TOLD] == ["failed", "green"]
    assert "Days whose run" not in texts()[1]


def test_of_a_feeds_run_whose_day_nobody_knows_any_good_run_takes_back(written: Written) -> None:
    dag = written(alerts=[KEEPS], **FEED)[DAG_ID]
    call(dag, "receipt", "on_failure_callback", "r1", error="no date", day="Monday")
    call(dag, "receipt", "on_success_callback", "r2", day="2026-03-03")
    assert [one["kind"] for one in TOLD] == ["failed", "green"]
    assert "Days whose run" not in texts()[1]


def test_a_run_that_only_a_clean_up_made_red_is_told_once_by_its_good_receipt(written: Written) -> None:
    dag = written(alerts=[KEEPS])[DAG_ID]
    call(dag, "receipt", "on_success_callback", "r1", failed=("undeploy_model", "delete_model"))
    (text,) = texts()
    assert text.startswith(
        "sparse_index__first failed in 'undeploy_model' (run r1)\nundeploy_model failed: no more memory in undeploy"
    )
    assert "delete_model failed: no more memory in delete_model" in text
    assert "docs/operate.md#a-model-stays-behind" in text


# Of these nothing more can be said than of a whole run.
OF_THE_RUN = {"reserve", "retire", "outcome", "receipt"}


def test_every_task_of_every_dag_has_a_chapter_that_exists(written: Written, root: Path) -> None:
    chapters = {
        (dag.dag_id, task.task_id): remedy(task.task_id, kind_of(dag.dag_id))
        for dag in written(alerts=[KEEPS]).values()
        for task in dag.tasks
    }
    for (dag_id, task_id), chapter in chapters.items():
        page, _, anchor = chapter.partition("#")
        assert anchor in anchors(root / page), (dag_id, task_id)
        assert (task_id in OF_THE_RUN) == (anchor == "what-is-left-after-a-failure"), (dag_id, task_id)


@pytest.mark.parametrize(
    ("dag_id", "task_id", "chapter"),
    [
        (DAG_ID, "gate", "docs/gate.md#the-gate-refuses"),
        (f"{DAG_ID}__serving", "look", "docs/operate.md#what-queries-need"),
        ("sparse_index_janitor", "look", "docs/operate.md#the-janitor"),
        ("sparse_index_forget", "look", "docs/operate.md#forget-documents"),
        ("sparse_index_redrive", "run_corpus", "docs/operate.md#dead-letters-try-again"),
        ("sparse_index_rollback", "roll_back", "docs/operate.md#going-back"),
    ],
)
def test_a_message_names_the_chapter_of_its_own_dag(
    written: Written, monkeypatch: pytest.MonkeyPatch, dag_id: str, task_id: str, chapter: str
) -> None:
    monkeypatch.setenv("SPARSE_INDEX_ALERTS", json.dumps([{"notifier": "told.Keeps", "arguments": {"to": "all"}}]))
    dag = written()[dag_id]
    failing = "receipt" if dag_id == DAG_ID else task_id
    call(dag, failing, "on_failure_callback", "r1", failed=(task_id,), error="x")
    assert f"What to do: {chapter}\n" in texts()[0]


def never(**_: Any) -> Any:
    pytest.fail("Airflow was asked where it does not answer")


def refused(**_: Any) -> Any:
    raise RuntimeError("Airflow does not answer")


def test_failures_beside_a_good_end_are_told_in_the_order_of_the_run(written: Written) -> None:
    dag = written(alerts=[KEEPS])[DAG_ID]
    call(dag, "receipt", "on_success_callback", "r1", failed=("undeploy_model", "delete_model", "retire"))
    title, *said = texts()[0].splitlines()
    assert "failed in 'retire'" in title
    assert [line.partition(" ")[0] for line in said[:3]] == ["retire", "undeploy_model", "delete_model"]


@pytest.mark.parametrize(("error", "asked", "said"), [("no memory", refused, "no memory"), (None, never, KILLED)])
def test_a_failure_of_airflow_to_answer_keeps_no_message_back(
    written: Written, error: str | None, asked: Callable[..., Any], said: str
) -> None:
    """A killed task is told of by the DAG processor, without its error; there a question is never answered."""
    dag = written(alerts=[KEEPS])[DAG_ID]
    silent = context(dag, "receipt", "r1", error=error)
    silent["ti"].get_task_breadcrumbs = asked
    silent["ti"].xcom_pull = never
    receipt: Any = dag.get_task("receipt")
    receipt.on_failure_callback[0](silent)
    assert texts()[0].startswith(f"sparse_index__first failed in 'receipt' (run r1)\n{said}\n")


def test_a_good_run_of_which_airflow_says_nothing_more_tells_nothing(written: Written) -> None:
    dag = written(alerts=[KEEPS])[DAG_ID]
    call(dag, "receipt", "on_failure_callback", "r1", error="no memory")
    silent = context(dag, "receipt", "r2")
    silent["ti"].get_task_breadcrumbs = refused
    receipt: Any = dag.get_task("receipt")
    receipt.on_success_callback[0](silent)
    assert [one["kind"] for one in TOLD] == ["failed"]


def test_what_nobody_took_was_not_told(written: Written) -> None:
    """An outage of the only notifier neither silences the next failure nor takes the good news away."""
    dag = written(alerts=[FAILS])[f"{DAG_ID}__serving"]
    call(dag, "look", "on_failure_callback", "r1", error="no answer")
    dag = written(alerts=[KEEPS])[f"{DAG_ID}__serving"]
    call(dag, "look", "on_failure_callback", "r2", error="no answer")
    dag = written(alerts=[FAILS])[f"{DAG_ID}__serving"]
    call(dag, "models", "on_skipped_callback", "r3")
    dag = written(alerts=[KEEPS])[f"{DAG_ID}__serving"]
    call(dag, "models", "on_skipped_callback", "r4")
    assert [one["kind"] for one in TOLD] == ["failed", "green"]


def test_what_serves_queries_is_told_once_until_it_is_well(written: Written) -> None:
    dag = written(alerts=[KEEPS])[f"{DAG_ID}__serving"]
    for run_id in ("r1", "r2", "r3"):
        call(dag, "look", "on_failure_callback", run_id, error="no answer")
    for task_id in ("look", "models", "try", "point"):
        call(dag, task_id, "on_success_callback", "r4")
    assert len(TOLD) == 1, "the run goes on"
    call(dag, "tidy", "on_success_callback", "r4")
    assert [one["kind"] for one in TOLD] == ["failed", "green"]
    assert "http://localhost:8080/dags/sparse_index__first__serving/runs/r1" in texts()[0]


@pytest.mark.usefixtures("metadata_database")
def test_an_outage_that_heals_itself_is_followed_by_good_news(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Airflow runs it: of a run without anything to do, one task skips itself and the scheduler all below it."""
    dag = written(alerts=[KEEPS])[f"{DAG_ID}__serving"]
    call(dag, "look", "on_failure_callback", "r1", error="no answer")
    monkeypatch.setattr(ServingLookOperator, "execute", lambda self, context: {"steps": []})
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(0.1 if seconds == 1 else seconds))
    dag.test(logical_date=datetime(2026, 1, 1, tzinfo=UTC))
    assert [one["kind"] for one in TOLD] == ["failed", "green"]


def test_the_deployment_is_told_of_corpora_and_operations(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_INDEX_ALERTS", json.dumps([{"notifier": "told.Keeps", "arguments": {"to": "all"}}]))
    dags = written(alerts=[KEEPS])
    call(dags["sparse_index_rollback"], "choose_target", "on_failure_callback", "r1", error="nothing to go back to")
    call(dags[DAG_ID], "receipt", "on_failure_callback", "r2", error="x")
    assert [one["to"] for one in TOLD] == ["all", "#news-s3cret", "all"]
    assert "Owner: sparse-index" in texts()[0]


def test_one_that_cannot_send_stops_no_other_and_is_an_error_of_the_log(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    dag = written(alerts=[FAILS, KEEPS])[DAG_ID]
    with caplog.at_level(logging.DEBUG):
        call(dag, "receipt", "on_failure_callback", "r1", error="x")
    assert len(TOLD) == 1
    (said,) = [record.getMessage() for record in caplog.records if record.name == "opensearch_ml.alerts"]
    assert "was not sent by told.Fails: ConnectionError: no answer from https://hooks.example/send" in said
    assert "s3cret" not in caplog.text, "nor in a line of Airflow's own"


def test_a_store_that_does_not_answer_keeps_no_message_back(written: Written, tmp_path: Path) -> None:
    dag = written(alerts=[KEEPS], store=str(tmp_path / "first.yaml" / "store"))[DAG_ID]
    call(dag, "receipt", "on_failure_callback", "r1", error="x")
    call(dag, "receipt", "on_success_callback", "r2")
    assert [one["kind"] for one in TOLD] == ["failed"]


@pytest.mark.parametrize(("before", "messages"), [("failed", 1), ("success", 3), (None, 3)])
def test_while_the_store_is_away_a_failing_dag_is_told_of_once_by_what_airflow_knows(
    written: Written, tmp_path: Path, before: str | None, messages: int
) -> None:
    dag = written(alerts=[KEEPS], store=str(tmp_path / "first.yaml" / "store"))[f"{DAG_ID}__serving"]
    call(dag, "look", "on_failure_callback", "r1", error="no store", before="success")
    for run_id in ("r2", "r3"):
        call(dag, "look", "on_failure_callback", run_id, error="no store", before=before)
    assert len(TOLD) == messages


def test_while_neither_store_nor_airflow_answers_each_failure_is_told(written: Written, tmp_path: Path) -> None:
    """Of a killed task Airflow is not asked: whoever does so there waits until he is killed."""
    dag = written(alerts=[KEEPS], store=str(tmp_path / "first.yaml" / "store"))[f"{DAG_ID}__serving"]
    look: Any = dag.get_task("look")
    for error, asked in (("no store", refused), (None, never)):
        silent = context(dag, "look", "r1", error=error)
        silent["ti"].get_previous_dagrun = asked
        look.on_failure_callback[0](silent)
    assert len(TOLD) == 2


def test_where_nobody_is_named_the_store_keeps_nothing(written: Written, tmp_path: Path) -> None:
    dag = written()[DAG_ID]
    call(dag, "receipt", "on_failure_callback", "r1", error="x")
    call(dag, "receipt", "on_success_callback", "r2")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"alerts": [{"notifier": "told.Nobody"}]}, "alerts: notifier told.Nobody cannot be imported (ImportError"),
        (
            {"alerts": [{"notifier": "told.Keeps"}]},
            "does not take these arguments: missing a required argument: 'to'",
        ),
    ],
)
def test_what_would_tell_nobody_breaks_the_dag_when_it_is_parsed(
    written: Written, keys: dict[str, Any], words: str
) -> None:
    dags = written(**keys)
    assert DAG_ID not in dags
    (task,) = dags[BROKEN_ID].tasks
    assert isinstance(task, BrokenCorpusOperator)
    assert words in task.problems
    assert "read_configuration" not in dags["sparse_index__second"].task_dict
    assert len(dags["sparse_index_rollback"].tasks) == 2, "one goes back at night whatever is wrong with alerts"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ("[1]", "SPARSE_INDEX_ALERTS cannot be used"),
        ('[{"notifier": "told.Nobody"}]', "SPARSE_INDEX_ALERTS: notifier told.Nobody cannot be imported"),
    ],
)
def test_what_the_deployment_cannot_use_breaks_no_corpus(
    written: Written, monkeypatch: pytest.MonkeyPatch, environment: str, words: str
) -> None:
    monkeypatch.setenv("SPARSE_INDEX_ALERTS", environment)
    dags = written(alerts=[KEEPS], late_after_minutes=5)
    assert {len(dags[name].tasks) > 20 for name in (DAG_ID, "sparse_index__second")} == {True}
    (broken,) = (dag for name, dag in dags.items() if name.startswith("sparse_index_broken_alerts__"))
    (task,) = broken.tasks
    assert isinstance(task, BrokenCorpusOperator)
    assert words in task.problems


def test_what_of_the_deployments_notifiers_is_good_tells_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_INDEX_ALERTS", '[1, {"notifier": "told.Keeps"}]')
    assert [alert.notifier for alert in told_of_all()] == ["told.Keeps"]
    monkeypatch.setenv("SPARSE_INDEX_ALERTS", '[{"notifier": "told.Keeps"},]')
    assert told_of_all() == ()


def test_the_example_of_the_guide_can_be_used(written: Written, root: Path) -> None:
    """A mail, which needs no provider but Airflow's own."""
    text = (root / "docs" / "operate.md").read_text()
    (example,) = (block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "alerts:" in block)
    dag = written(**yaml.safe_load(example))[DAG_ID]
    assert len(dag.tasks) > 20
    assert dag.deadline


def failed_run(dag: DAG) -> None:
    """As the DAG processor tells of a run, of whose task it knows nothing."""
    callback: Any = dag.on_failure_callback
    callback({"dag": dag, "run_id": "scheduled__1", "reason": "task_failure"})


@pytest.mark.parametrize("broken", [{"sauce": 1}, {"alerts": [KEEPS, {"notifier": "told.Nobody"}]}])
def test_a_corpus_that_cannot_be_used_is_told_to_its_people_and_to_all(
    written: Written, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any]
) -> None:
    monkeypatch.setenv("SPARSE_INDEX_ALERTS", json.dumps([{"notifier": "told.Keeps", "arguments": {"to": "all"}}]))
    failed_run(written(**{"alerts": [KEEPS]} | broken)[BROKEN_ID])
    assert [(one["kind"], one["to"]) for one in TOLD] == [("failed", "#news-s3cret"), ("failed", "all")]
    title, cannot, problem, *rest = texts()[0].splitlines()
    assert title == "BROKEN: Search index: first"
    assert cannot.endswith("cannot be used:")
    assert "sauce" in problem or "told.Nobody cannot be imported" in problem
    assert rest == [
        f"Run: http://localhost:8080/dags/{BROKEN_ID}/runs/scheduled__1",
        "What to do: docs/operate.md#a-dag-has-the-tag-broken",
        "Owner: Ada",
    ]


@pytest.mark.parametrize("alerts", ["nobody", [{"notifier": 1}], {"a": "b"}])
def test_of_a_file_whose_alerts_cannot_be_read_the_deployment_is_told(
    written: Written, monkeypatch: pytest.MonkeyPatch, alerts: Any
) -> None:
    monkeypatch.setenv("SPARSE_INDEX_ALERTS", json.dumps([{"notifier": "told.Keeps", "arguments": {"to": "all"}}]))
    failed_run(written(alerts=alerts)[BROKEN_ID])
    (text,) = texts()
    assert "alerts" in text


@pytest.mark.parametrize("asked", [DAG_ID, f"{DAG_ID}__serving", "sparse_index_janitor"])
def test_a_task_that_begins_asks_no_notifier(written: Written, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    def imported(path: str) -> Any:
        pytest.fail(f"{path} was imported")

    monkeypatch.setattr("sparse_index.alerts.notifiers.notifier_class", imported)
    monkeypatch.setenv("SPARSE_INDEX_ALERTS", json.dumps([KEEPS]))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", asked)
    assert len(written(alerts=[KEEPS])[asked].tasks) > 1


def test_who_answers_for_a_corpus_is_told_once_that_a_run_asks(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Question("May 'news' go to news--b1?", "the table", 1.5, ["vera"])
    monkeypatch.setattr("opensearch_ml.operators.approval.require_planned", lambda context: (None, None))
    monkeypatch.setattr("sparse_index.gate.doubt.question", lambda store, plan: asked)
    ends: list[BaseException] = [RuntimeError("Airflow takes no question"), TaskAwaitingInput(method_name="answered")]

    def asks(*_: object) -> None:
        raise ends.pop(0)

    monkeypatch.setattr(ApprovalOperator, "execute", asks)
    dag = written(alerts=[KEEPS])[DAG_ID]
    approve: Any = dag.get_task("approve")
    with pytest.raises(RuntimeError):
        approve.execute(context(dag, "approve", "manual__1+00:00"))
    assert TOLD == [], "the next attempt asks again"
    with pytest.raises(TaskAwaitingInput):
        approve.execute(context(dag, "approve", "manual__1+00:00"))
    assert [one["kind"] for one in TOLD] == ["asked"]
    assert texts()[0].splitlines() == [
        asked.subject,
        "Run manual__1+00:00 waits for an answer, for 1.5 hours at most; without one it is no. Until then no other run of this "
        "corpus goes on. Who may answer: vera.",
        f"Run: http://localhost:8080/dags/{DAG_ID}/runs/manual__1%2B00%3A00/tasks/approve/required_actions",
        "What to do: docs/operate.md#the-gate-is-in-doubt",
        "Owner: Ada",
    ]
    monkeypatch.setattr("sparse_index.gate.doubt.question", lambda store, plan: None)
    approve.execute(context(dag, "approve", "r2"))
    assert len(TOLD) == 1, "nobody is asked"


def test_a_notifier_that_hangs_does_not_take_the_question_back(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow ends a task that takes too long with an error of its own, which is no `Exception`."""

    def asks(*_: object) -> None:
        raise TaskAwaitingInput(method_name="answered")

    def hangs(*_: object) -> None:
        raise AirflowTaskTimeout("an hour")

    monkeypatch.setattr("opensearch_ml.operators.approval.require_planned", lambda context: (None, None))
    monkeypatch.setattr("sparse_index.gate.doubt.question", lambda store, plan: Question("May it?", "", 1.5, []))
    monkeypatch.setattr(ApprovalOperator, "execute", asks)
    monkeypatch.setattr("opensearch_ml.operators.approval.tell", hangs)
    dag = written(alerts=[KEEPS])[DAG_ID]
    approve: Any = dag.get_task("approve")
    with pytest.raises(TaskAwaitingInput):
        approve.execute(context(dag, "approve", "r1"))


def test_no_argument_of_a_notifier_is_stored_with_the_dag(written: Written) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    dags = written(alerts=[KEEPS], late_after_minutes=5)
    stored = json.dumps([DagSerialization.to_dict(dags[name]) for name in (DAG_ID, f"{DAG_ID}__serving")])
    assert "opensearch_ml.late.tell_late" in stored
    assert "s3cret" not in stored


def test_what_is_remembered_is_in_the_corpus_own_folder(written: Written, tmp_path: Path) -> None:
    dag = written(alerts=[KEEPS])[DAG_ID]
    call(dag, "receipt", "on_failure_callback", "r1", error="x")
    (path,) = Store(str(tmp_path / "store")).files("tickets")
    assert path == f"tickets/alerts/{DAG_ID}.json"


def away_household(folder: Path, *names: str) -> Household:
    """Those corpora, each with a store of its own, in clusters that nobody can open."""
    configs = {name: corpus_config(folder, name) for name in names}
    stores = {config.store: [config] for config in configs.values()}
    return Household(stores, {}, homes_of(configs), Neighbours())


def night(dag: DAG) -> dict[str, Any]:
    """The context of the janitor's look, whose task states outlive an attempt."""
    states: dict[str, Any] = {}
    store = SimpleNamespace(get=states.get, set=states.__setitem__)
    run = SimpleNamespace(conf=None)
    return context(dag, "look", "r1") | {"task_state_store": store, "dag": dag, "dag_run": run}


def test_the_janitor_tells_of_old_data_and_of_no_other(written: Written, tmp_path: Path) -> None:
    """What it finds old is decided in the core: tests/unit/operations/test_stale.py."""
    dag = written(alerts=[KEEPS], stale_after_hours=48)["sparse_index_janitor"]
    household = away_household(tmp_path, "first", "second")
    look: Any = dag.get_task("look")
    found = {household.stores[str(tmp_path / "store")][0].alias: "76 hours old"}
    its = night(dag)
    for _ in ("an attempt that dies after it has told", "the next one"):
        look._tell(household, "Search index '{}' shows old data", found, its)
    (told,) = TOLD
    assert (told["kind"], told["to"]) == ("stale", "#news-s3cret")
    assert told["text"].splitlines() == [
        "Search index 'first' shows old data",
        "76 hours old",
        "Run: http://localhost:8080/dags/sparse_index_janitor/runs/r1",
        "Owner: Ada",
    ]


def test_old_data_of_which_nobody_took_the_message_are_told_by_the_next_attempt(
    written: Written, tmp_path: Path
) -> None:
    its: dict[str, Any] = {}
    for alerts in ([FAILS], [KEEPS]):
        dag = written(alerts=alerts, stale_after_hours=48)["sparse_index_janitor"]
        its = its or night(dag)
        household = away_household(tmp_path, "first")
        look: Any = dag.get_task("look")
        look._tell(household, "Search index '{}' shows old data", {"tickets": "76 hours old"}, its)
    assert [one["kind"] for one in TOLD] == ["stale"]


def test_a_janitor_that_sees_nothing_says_so_in_a_dry_run_too(written: Written, tmp_path: Path) -> None:
    """A connection that cannot be opened, and a store that cannot be listed."""
    dags = written(alerts=[KEEPS], stale_after_hours=48)
    dag, household = dags["sparse_index_janitor"], away_household(tmp_path, "first")
    look: Any = dag.get_task("look")
    clean: Any = dag.get_task("clean")
    clean.found, clean.only_look = look.work(household, night(dag)), "True"
    (told,) = TOLD
    title, why, *_ = told["text"].splitlines()
    assert (told["kind"], title) == ("stale", "Nobody knows how old the data of search index 'first' is")
    assert why == "How old the data of 'tickets' is could not be seen: connection 'opensearch_default' cannot be opened"
    with pytest.raises(
        BuildError, match=r"1 thing\(s\) could not be looked at or proven dead \(a dry run\):\n.*'tickets'"
    ):
        clean.work(household, {})

    (tmp_path / "store").rename(tmp_path / "moved")
    (tmp_path / "store").write_text("no folder")
    clean.found = look.work(household, night(dag))
    with pytest.raises(BuildError, match=r"store: it could not be looked at: "):
        clean.work(household, {})


def test_a_dry_run_in_which_all_was_seen_skips_itself(written: Written, tmp_path: Path) -> None:
    dags = written()
    clean: Any = dags["sparse_index_janitor"].get_task("clean")
    report = save_cleanup(
        Store(str(tmp_path)), Cleanup(at=datetime.now(UTC), actions=[], notes=["a note"], unproven=[])
    )
    clean.found, clean.only_look = [{"store": str(tmp_path), "report": report}], "True"
    with pytest.raises(AirflowSkipException):
        clean.work(away_household(tmp_path), {})
