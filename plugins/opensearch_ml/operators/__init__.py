"""One operator a verb: context goes in, the core works, small JSON comes out."""

from opensearch_ml.operators.corpus import PlanChangesOperator, PlanShardsOperator, PreflightOperator, ScanOperator
from opensearch_ml.operators.encode import EncodeOperator
from opensearch_ml.operators.index import (
    BulkIndexOperator,
    GateOperator,
    PrepareCandidateOperator,
    PromoteOperator,
    ReconcileOperator,
    RetireOperator,
)
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

__all__ = [
    "BulkIndexOperator",
    "CreateModelGroupOperator",
    "DeleteModelGroupOperator",
    "DeleteModelOperator",
    "DeployModelOperator",
    "EncodeOperator",
    "GateOperator",
    "PlanChangesOperator",
    "PlanShardsOperator",
    "PreflightOperator",
    "PrepareCandidateOperator",
    "PromoteOperator",
    "ReceiptOperator",
    "ReconcileOperator",
    "RegisterModelOperator",
    "ReserveOperator",
    "RetireOperator",
    "ScanOperator",
    "UndeployModelOperator",
]
