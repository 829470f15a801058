"""Where everything lies in the store. What more than one room knows is spelled here, and nowhere else.

    <alias>/manifests/<scan of one shard>.parquet     content addressed
    <alias>/schemas/<digest>.json                     content addressed: the types decided for a run
    <alias>/builds/<build>/plan.json, alive.json, parts/*.parquet, reports/*.json, failures/<stage>/*.json,
                           manifest.parquet (as planned), manifest-final.parquet (as indexed), duplicates.parquet,
                           dead_letters/*.parquet, empty/*.parquet, receipt.json, redrive.json
    <alias>/rollbacks/*.json      <alias>/redrives/*.json      <alias>/forgotten/*.json      <alias>/alerts/<DAG>.json
    <alias>/serving.json
    janitor/*.json
    vectors/<fingerprint>/<build>-p<part>[-c<digest>].parquet, <build>-m<digest>.parquet, <build>-m<digest>.merged.json,
                          encoder.json, probe.parquet, tokenizer.json

The rest is spelled once, by the room that writes it.
"""

from __future__ import annotations

import re
from datetime import datetime

VECTORS, JANITOR = "vectors", "janitor"
# Beside the folders of corpora: no alias may be called so.
OWN_FOLDERS = (VECTORS, JANITOR)
# In the folder of a build.
PLAN_FILE = "plan.json"
RECEIPT_FILE = "receipt.json"
REDRIVE_FILE = "redrive.json"
GATE_REPORT_FILE = "reports/gate.json"
MANIFEST_FILE = "manifest.parquet"
FINAL_MANIFEST_FILE = "manifest-final.parquet"
DUPLICATES_FILE = "duplicates.parquet"
PARTS, FAILURES, DEAD_LETTERS = "parts", "failures", "dead_letters"


def builds_folder(alias: str) -> str:
    return f"{alias}/builds"


def build_folder(alias: str, build_id: str) -> str:
    return f"{builds_folder(alias)}/{build_id}"


def plan_path(alias: str, build_id: str) -> str:
    return f"{build_folder(alias, build_id)}/{PLAN_FILE}"


def receipt_path(alias: str, build_id: str) -> str:
    return f"{build_folder(alias, build_id)}/{RECEIPT_FILE}"


def manifest_path(alias: str, build_id: str) -> str:
    """As the build was planned."""
    return f"{build_folder(alias, build_id)}/{MANIFEST_FILE}"


def final_manifest_path(alias: str, build_id: str) -> str:
    """As it was indexed: without what was rejected."""
    return f"{build_folder(alias, build_id)}/{FINAL_MANIFEST_FILE}"


def manifests_folder(alias: str) -> str:
    return f"{alias}/manifests"


def schemas_folder(alias: str) -> str:
    return f"{alias}/schemas"


def rollbacks_folder(alias: str) -> str:
    """Of records, each named after when it was done."""
    return f"{alias}/rollbacks"


def redrives_folder(alias: str) -> str:
    """Of records, each named after the build that tried."""
    return f"{alias}/redrives"


def janitor_report_path(at: datetime) -> str:
    return f"{JANITOR}/{at:%Y%m%dT%H%M%S}.json"


def is_janitor_report(path: str) -> bool:
    return re.fullmatch(rf"{JANITOR}/\d{{8}}T\d{{6}}\.json", path) is not None


def encoder_path(fingerprint: str) -> str:
    return f"{vectors_folder(fingerprint)}/encoder.json"


def probe_path(fingerprint: str) -> str:
    return f"{vectors_folder(fingerprint)}/probe.parquet"


def tokenizer_path(fingerprint: str) -> str:
    return f"{vectors_folder(fingerprint)}/tokenizer.json"


def vectors_folder(fingerprint: str) -> str:
    return f"{VECTORS}/{fingerprint}"
