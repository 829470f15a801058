"""# What queries need

For each corpus with something to serve: a model that queries share (`encoder.lifecycle: shared`), a re-ranker, a search
pipeline (`search`). Every quarter of an hour this DAG looks whether it is all there and answers, which takes a second or two;
then the other tasks skip themselves. Else it puts right what is missing:

| task | what it does |
|---|---|
| look | compares what queries need with what is there, asks each model a question; changes nothing |
| models | adopts a model that is there, else registers it once for all corpora; deploys it; waits until it answers |
| try | puts search pipelines, reads them back, tries each by its name |
| point | makes the live index name its pipeline as its default, if it was made by the same encoders |
| tidy | deletes what no index, no pipeline, no build at work and no corpus file needs any more |

It begins paused: unpause it. Daily runs touch none of this: they encode with the shared model, name the pipeline on their new
index, and say "run the serving DAG first" when it is not there. Trigger it by hand after changing `search` or a
shared encoder; `tidy` takes a pipeline away when two runs agree that nobody needs it.
"""

from airflow.sdk import chain

from opensearch_ml import operators as op
from opensearch_ml.factory import LONG_RUNNING, serving_dags


def wire(corpus: str) -> None:
    """A look, and what it asks for, in the order in which a search would miss it."""
    look = op.ServingLookOperator(task_id="look", corpus=corpus)
    phases = [
        op.ServingPhaseOperator(task_id=phase, corpus=corpus, phase=phase, found=look.output, **LONG_RUNNING)
        for phase in ("models", "try", "point", "tidy")
    ]
    chain(look, *phases)


globals().update({dag.dag_id: dag for dag in serving_dags(wire, __doc__)})
