"""One operator a verb: context goes in, the core works, small JSON comes out."""

from opensearch_ml.operators.approval import ApproveOperator
from opensearch_ml.operators.corpus import PlanChangesOperator, PlanShardsOperator, PreflightOperator, ScanOperator
from opensearch_ml.operators.encode import EncodeOperator, ProveEncoderOperator
from opensearch_ml.operators.forget import ForgetLookOperator, ForgetOperator
from opensearch_ml.operators.index import (
    BulkIndexOperator,
    GateOperator,
    PrepareCandidateOperator,
    PromoteOperator,
    ReconcileOperator,
    RetireOperator,
)
from opensearch_ml.operators.janitor import JanitorCleanOperator, JanitorLookOperator
from opensearch_ml.operators.model import (
    CreateModelGroupOperator,
    DeleteModelGroupOperator,
    DeleteModelOperator,
    DeployModelOperator,
    RegisterModelOperator,
    ReserveOperator,
    UndeployModelOperator,
)
from opensearch_ml.operators.receipt import ReceiptOperator
from opensearch_ml.operators.redrive import RunEndSensor, SelectLettersOperator, SettleLettersOperator
from opensearch_ml.operators.rollback import ChooseTargetOperator, RollBackOperator
from opensearch_ml.operators.serving import ServingLookOperator, ServingPhaseOperator

__all__ = [
    "ApproveOperator",
    "BulkIndexOperator",
    "ChooseTargetOperator",
    "CreateModelGroupOperator",
    "DeleteModelGroupOperator",
    "DeleteModelOperator",
    "DeployModelOperator",
    "EncodeOperator",
    "ForgetLookOperator",
    "ForgetOperator",
    "GateOperator",
    "JanitorCleanOperator",
    "JanitorLookOperator",
    "PlanChangesOperator",
    "PlanShardsOperator",
    "PreflightOperator",
    "PrepareCandidateOperator",
    "PromoteOperator",
    "ProveEncoderOperator",
    "ReceiptOperator",
    "ReconcileOperator",
    "RegisterModelOperator",
    "ReserveOperator",
    "RetireOperator",
    "RollBackOperator",
    "RunEndSensor",
    "ScanOperator",
    "SelectLettersOperator",
    "ServingLookOperator",
    "ServingPhaseOperator",
    "SettleLettersOperator",
    "UndeployModelOperator",
]
