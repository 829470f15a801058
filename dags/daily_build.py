"""# Search by meaning, kept up to date every day

Encodes new and changed texts, writes a candidate index, checks it, and only then switches the alias that readers use.

| chapter | what happens | when it is skipped |
|---|---|---|
| preflight | cluster, permissions and settings are checked | never |
| turn | one run at a time from here to `promote`: what it reads is not older than what it is compared with | never |
| scan | the corpus is checked; every row is hashed | never |
| plan_changes | what is new, changed, deleted; the plan is printed and frozen | never |
| encoder | models registered, deployed and proven, texts encoded in parts, models deleted again | every vector is there already |
| index | candidate prepared, written, counted, checked, promoted | nothing changed, or plan only |
| receipt | what was read, made and rejected, and what is live; fails unless the build ended well | never |

**After a failure** trigger a new run: nothing is encoded twice. (*Clear* with "only failed" takes no setup along and finds the
model gone.) A failed run leaves no model, and the live index as it was, unless its receipt's first line says *promoted*.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TaskGroup, TriggerRule, chain, cross_downstream

from opensearch_ml import operators as op
from opensearch_ml.assets import search_index
from opensearch_ml.factory import LONG_RUNNING, corpus_dags, of_part, patient, where_encoded
from opensearch_ml.notifier import About, told_at_its_end
from opensearch_ml.sensors import DeploymentSensor, RegistrationSensor, TurnSensor
from sparse_index.config.corpus import CorpusConfig

POOL = "sparse_index_encode"
SHARD = "shard {{ task.shard['number'] }}: {{ '{:,}'.format(task.shard['rows']) }} rows"
TEXTS = "part {{ task.part['number'] }}: {{ '{:,}'.format(task.part['texts']) }} texts"
DOCUMENTS = "part {{ task.part['number'] }}: {{ '{:,}'.format(task.part['documents']) }} documents"


def wire(corpus: str, config: CorpusConfig) -> None:
    """The table of contents of one build."""
    preflight = op.PreflightOperator(task_id="preflight", corpus=corpus, **patient(config))
    turn = TurnSensor(task_id="turn", oldest_first=config.kind == "snapshot")
    shards = op.PlanShardsOperator(task_id="plan_shards", corpus=corpus, **LONG_RUNNING)
    scan = op.ScanOperator.partial(task_id="scan", corpus=corpus, map_index_template=SHARD, **LONG_RUNNING)
    scans = scan.expand(shard=shards.output)
    plan = op.PlanChangesOperator(task_id="plan_changes", corpus=corpus, scans=scans.output, **LONG_RUNNING)
    with TaskGroup("encoder", prefix_group_id=False, tooltip="Skipped as a whole when nothing has to be encoded"):
        reserve = op.ReserveOperator(task_id="reserve").as_setup()
        group = op.CreateModelGroupOperator(task_id="create_model_group").as_setup()
        register = op.RegisterModelOperator(task_id="register_model", group_id=group.output).as_setup()
        registered = RegistrationSensor(task_id="wait_registered", started=register.output).as_setup()
        deploy = op.DeployModelOperator(task_id="deploy_model", model_ids=registered.output).as_setup()
        deployed = DeploymentSensor(task_id="wait_deployed", started=deploy.output, **patient(config)).as_setup()
        prove = op.ProveEncoderOperator(model_ids=deployed.output, **where_encoded(config, "prove_encoder"))
        parts = of_part(config, "encode", TEXTS, pool=POOL, max_active_tis_per_dagrun=config.parallel_tasks)
        encoded = op.EncodeOperator.partial(model_ids=deployed.output, **parts).expand(part=reserve.output)
        undeploy = op.UndeployModelOperator(task_id="undeploy_model")
        delete_model = op.DeleteModelOperator(task_id="delete_model")
        delete_group = op.DeleteModelGroupOperator(task_id="delete_model_group")
        undeploy.as_teardown(setups=[reserve, deploy, deployed])
        delete_model.as_teardown(setups=[reserve, register, registered])
        delete_group.as_teardown(setups=[reserve, group])
    with TaskGroup("search_index", prefix_group_id=False, tooltip="Skipped as a whole when nothing changed"):
        candidate = op.PrepareCandidateOperator(task_id="prepare_candidate", trigger_rule=TriggerRule.NONE_FAILED)
        index = op.BulkIndexOperator.partial(**of_part(config, "index", DOCUMENTS))
        indexed = index.expand(part=candidate.output)
        reconcile = op.ReconcileOperator(task_id="reconcile", **LONG_RUNNING)
        gate = op.GateOperator(task_id="gate", **LONG_RUNNING)
        approve = op.ApproveOperator(task_id="approve", about=About(corpus, config))
        promote = op.PromoteOperator(task_id="promote", outlets=[search_index(corpus, config)])
        retire = op.RetireOperator(task_id="retire")
    outcome = EmptyOperator(task_id="outcome", trigger_rule=TriggerRule.NONE_FAILED)
    receipt = op.ReceiptOperator(task_id="receipt", corpus=corpus, **told_at_its_end(corpus, config))
    receipt.as_teardown(on_failure_fail_dagrun=True)

    ends = [undeploy, delete_model, delete_group, retire]
    chain(preflight, turn, shards, scans, plan, reserve)
    chain(reserve, group, register, registered, deploy, deployed, prove, encoded, undeploy, delete_model, delete_group)
    chain(plan, [encoded, candidate])
    chain(encoded, candidate, indexed, reconcile, gate, approve, promote, retire)
    cross_downstream(ends, [outcome, receipt])  # a failed teardown, or a failed or stopped work path, fails the run


globals().update({dag.dag_id: dag for dag in corpus_dags(wire, __doc__)})
