"""The trigger form, and what its answers mean to the core."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from opensearch_ml.corpora import corpora_folder, corpus_names
from sparse_index.errors import ConfigError

if TYPE_CHECKING:
    from sparse_index.builds.request import RunRequest

# Keys of a run's conf that are for others: the OpenLineage provider reads the run's parent there, Airflow how it traces the run.
_OF_OTHERS = ("openlineage", "airflow/")
MODES = ("auto", "full", "plan_only")


def trigger_form() -> dict[str, Param]:
    """The Params of a daily run; a scheduled run takes the defaults."""
    return {
        "mode": Param(
            "auto",
            type="string",
            enum=list(MODES),
            title="Mode",
            description="auto: build only what the corpus's changes need. full: build the whole index anew (vectors in "
            "the store are reused). plan_only: say what would be done; changes nothing that is in the cluster (a trial index is "
            "made and deleted).",
        ),
        "data_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Data date",
            description="The day this run stands for; of a feed, the partition it reads. Empty: the run's partition or logical "
            "date, else the day it was started (UTC).",
        ),
        "row_limit": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Row limit",
            description="Try the pipeline with the first so many rows. A limited build is never promoted.",
        ),
        "force_older_date": Param(
            False,
            type="boolean",
            title="Allow an older date",
            description="Let this run replace an index whose data date is newer; of a feed, take a partition from before the "
            "horizon of its deletions.",
        ),
        "accept_mass_change": Param(
            False,
            type="boolean",
            title="Accept a mass change",
            description="Build even if more documents changed or vanished than the corpus's limits allow; of a feed, even if "
            "the index that was live is gone.",
        ),
    }


def corpus_choice(folder: Path | None = None) -> Param:
    """Which corpus an operation is for, of those in the `folder` that its DAG has.

    No default: nobody rolls back the wrong one by pressing a button too early.
    """
    return Param(
        type="string",
        enum=corpus_names(corpora_folder(folder)),
        title="Corpus",
        description="The name of its corpus file, and of its daily DAG without the prefix.",
    )


def run_request(context: Any) -> RunRequest:
    """What this run asks for, its data date resolved; the plan freezes it, later tasks read the plan."""
    from sparse_index.builds.request import RunRequest

    answers = {name: context["params"][name] for name in trigger_form() if name != "data_date"}
    run = context["dag_run"]
    day = data_date(context["params"]["data_date"], run.partition_key, run.logical_date or run.run_after)
    return RunRequest(run_id=context["run_id"], data_date=day, **answers)


def require_answers_taken(context: Any) -> None:
    """`ConfigError` where Airflow would drop what a run was triggered with, without a word: called by the first task of a DAG."""
    given = {name: value for name, value in (context["dag_run"].conf or {}).items() if not name.startswith(_OF_OTHERS)}
    asked = list(context["dag"].params)
    unknown = sorted(given.keys() - set(asked))
    if unknown:
        raise ConfigError(
            f"The run was triggered with {', '.join(unknown)}, which this DAG does not ask for. Nothing was done. It asks for "
            f"{', '.join(asked)}: trigger it again with these alone."
        )
    dropped = sorted(name for name, value in given.items() if context["params"][name] != value)
    if dropped:
        raise ConfigError(
            f"Airflow drops what the run was triggered with ({', '.join(dropped)}), because of [core] "
            "dag_run_conf_overrides_params = False. Nothing was done. Set it to True, or leave it out, for scheduler and "
            "workers, then trigger the run again."
        )


def data_date(asked: str | None, partition_key: str | None, run_date: datetime) -> date:
    """The day a run stands for: what was asked for, else the partition, else `run_date`.

    That is the logical date, or, where a run has none (made by the API, an asset or a partition), when it was to start:
    the same for every task of the run and after a clear, unlike today's date. Runs made by the trigger form always have a
    logical date, so a date typed into the form must come first. ConfigError when one that was given is no date.
    """
    if asked:
        return _day("Data date", asked)
    if partition_key:
        return _day("partition key", partition_key)
    return run_date.date()


def _day(name: str, given: str) -> date:
    try:
        return date.fromisoformat(given[:10])
    except ValueError as error:
        raise ConfigError(
            f"The run's {name} '{given}' begins with no date: the data of which day is to be read? Trigger the run with a Data "
            "date, yyyy-mm-dd."
        ) from error
