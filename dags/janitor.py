"""# Janitor: what ended builds have left

Every night this DAG looks at all corpora and their stores, and says what carries our mark and is needed by nobody: models
and model groups of ended builds, candidates that never went live, generations beyond `retention.generations`, files of
old builds, vectors of encoders that no index uses, temporary files of killed writers. Many small vector files are merged.

**It begins with dry runs.** As installed, `look` prints what would be done and `clean` skips itself (it fails where something
could not be seen or proven, so that people hear of it): a package that was dropped into somebody's Airflow deletes nothing on a
schedule before a person has read one report. When you agree with what you read: trigger it with *Dry run* off, or set
`SPARSE_INDEX_JANITOR=clean` in Airflow's environment, which turns the default around.

What belongs to a run that goes on, to the live index, or to a kept generation never goes. A build whose run nobody knows is not
touched but named, and so is a corpus whose cluster does not answer. `clean` looks again and does only what is still so.
"""

from airflow.sdk import Param

from opensearch_ml import operators as op
from opensearch_ml.dag_names import JANITOR
from opensearch_ml.factory import LONG_RUNNING, NIGHTLY, janitor_cleans, operations_dag

with operations_dag(
    JANITOR,
    "janitor",
    __doc__,
    schedule=NIGHTLY,
    max_active_runs=1,
    description="Says what ended builds have left in clusters and stores, and removes it when it is told to",
    params={
        "dry_run": Param(
            not janitor_cleans(),
            type="boolean",
            title="Dry run",
            description="Only say what would be removed. The default is on, unless SPARSE_INDEX_JANITOR=clean is set.",
        )
    },
):
    look = op.JanitorLookOperator(task_id="look", **LONG_RUNNING)
    op.JanitorCleanOperator(task_id="clean", found=look.output, only_look="{{ params.dry_run }}", **LONG_RUNNING)
