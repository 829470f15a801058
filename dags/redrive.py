"""# Redrive: try dead letters again

A document that was refused (its text by the model, its fields by the index) is a *dead letter*, and not in the index. Correct the
row in the corpus, or the configuration, then trigger this DAG for the corpus.

| task | what it does |
|---|---|
| select_letters | the open dead letters of a build and their reasons; skips itself when there are none |
| run_corpus | triggers the corpus's own daily DAG for the right day |
| wait_for_run | waits for the end of that run; fails when it fails, is deleted, or its DAG is paused |
| settle_letters | clears the letters whose documents are live now; names how many were rejected again |

Nothing is written past the pipeline: the documents go through encoding, books, gate and switch like any other, and the run takes
along whatever else has changed in the corpus. When that run fails, its receipt says why, and the letters stay open.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, chain

from opensearch_ml import operators as op
from opensearch_ml.dag_names import REDRIVE, dag_id
from opensearch_ml.factory import LONG_RUNNING, operations_dag
from opensearch_ml.params import corpus_choice
from sparse_index.names import REDRIVES

CORPUS = "{{ params.corpus }}"
DAILY = dag_id(CORPUS)
RUN = f"{REDRIVES}{{{{ run_id }}}}"
DAY = "{{ ti.xcom_pull(task_ids='select_letters')['data_date'] }}"

with operations_dag(
    REDRIVE,
    "redrive dead letters",
    __doc__,
    description="Runs a corpus again for its dead letters, and says what became of them",
    params={
        "corpus": corpus_choice(),
        "build": Param(
            "latest",
            type="string",
            minLength=1,
            title="Build",
            description="latest: the newest promoted build that has open dead letters. Or a build id; one that is not there "
            "fails with the list of builds that have any.",
        ),
    },
):
    select_letters = op.SelectLettersOperator(task_id="select_letters", corpus=CORPUS, build="{{ params.build }}")
    run_corpus = TriggerDagRunOperator(
        task_id="run_corpus",
        trigger_dag_id=DAILY,
        trigger_run_id=RUN,
        conf={"data_date": DAY},
        fail_when_dag_is_paused=True,  # else the run would wait for ever
        reset_dag_run=True,  # a cleared task runs the corpus again
        retries=0,  # a second try would clear the run that the first one has made
    )
    wait_for_run = op.RunEndSensor(task_id="wait_for_run", of_dag=DAILY, of_run=RUN)
    settle_letters = op.SettleLettersOperator(
        task_id="settle_letters", corpus=CORPUS, selection=select_letters.output, tried_by=RUN, **LONG_RUNNING
    )
    chain(select_letters, run_corpus, wait_for_run, settle_letters)
