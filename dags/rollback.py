"""# Rollback: put a former index back

For the night when the new index turns out to be bad. Choose the corpus and press *Trigger*: the alias goes back to the
generation that was live before, after the same checks that a candidate gets. It takes seconds, or as long as the replicas
need to be copied.

| task | what it does |
|---|---|
| choose_target | finds the generation; fails with the list when there is none, and while a daily run may switch or delete |
| roll_back | counts its documents, adds replicas, switches the alias in one request, records who was live before |

The index that was left stays, marked as withdrawn like every newer one: no later `previous` chooses it. The next daily run starts
from the index that is live then and goes **forward** again with everything that the corpus holds: if the corpus itself is bad,
pause its DAG.
"""

from airflow.sdk import Param

from opensearch_ml import operators as op
from opensearch_ml.dag_names import ROLLBACK
from opensearch_ml.factory import LONG_RUNNING, operations_dag
from opensearch_ml.params import corpus_choice

CORPUS = "{{ params.corpus }}"

with operations_dag(
    ROLLBACK,
    "roll back",
    __doc__,
    description="Moves the alias of a corpus back to a former index",
    params={
        "corpus": corpus_choice(),
        "generation": Param(
            "previous",
            type="string",
            minLength=1,
            title="Generation",
            description="previous: the one that was live before. Or an index (`<alias>--b...`) or a build id; a name that is "
            "not there fails with the list of those that are.",
        ),
        "replicas_follow": Param(
            False,
            type="boolean",
            title="Replicas may follow",
            description="Switch at once, before the replicas are copied. Until they are, a node that fails takes documents from "
            "readers.",
        ),
    },
):
    asked = {"to": "{{ params.generation }}", "replicas_follow": "{{ params.replicas_follow }}"}
    target = op.ChooseTargetOperator(task_id="choose_target", corpus=CORPUS, **asked)
    op.RollBackOperator(task_id="roll_back", corpus=CORPUS, target=target.output, **LONG_RUNNING)
