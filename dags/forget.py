"""# Forget: remove documents for good

For a request under a privacy law. Put the ids into a file at an address that workers can read, choose the corpus, press
*Trigger*.

| task | what it does |
|---|---|
| look | counts what there is and begins the record; fails while anything of the store runs, or an index is closed |
| forget | removes it from every index, manifest, part, dead letter and message, with the vectors nobody else needs |

The record, `<store>/<alias>/forgotten/<time>.json`, has counts, no ids and no content. Remove the documents from the **corpus**
first: what it still holds comes back with the next run. Snapshots of the cluster, backups of the store and logs are out of reach.
"""

from airflow.sdk import Param

from opensearch_ml import operators as op
from opensearch_ml.dag_names import FORGET
from opensearch_ml.factory import LONG_RUNNING, operations_dag
from opensearch_ml.params import corpus_choice

CORPUS, IDS = "{{ params.corpus }}", "{{ params.ids }}"

with operations_dag(
    FORGET,
    "forget documents",
    __doc__,
    max_active_runs=1,
    description="Removes documents from every index of a corpus and from its store",
    params={
        "corpus": corpus_choice(),
        "ids": Param(
            type="string",
            minLength=1,
            title="Ids",
            description="Address of a file with the ids: .parquet or .csv with the corpus's id column, or any other file with "
            "one id a line. An address, because Airflow keeps what is typed here.",
        ),
    },
):
    look = op.ForgetLookOperator(task_id="look", corpus=CORPUS, ids=IDS, **LONG_RUNNING)
    op.ForgetOperator(task_id="forget", corpus=CORPUS, ids=IDS, record=look.output, **LONG_RUNNING)
