"""Paths of the store that more than one room knows."""

from __future__ import annotations

VECTORS = "vectors"


def builds_folder(alias: str) -> str:
    return f"{alias}/builds"


def build_folder(alias: str, build_id: str) -> str:
    return f"{builds_folder(alias)}/{build_id}"


def manifests_folder(alias: str) -> str:
    return f"{alias}/manifests"


def rollbacks_folder(alias: str) -> str:
    """Of records, each named after when it was done."""
    return f"{alias}/rollbacks"


def redrives_folder(alias: str) -> str:
    """Of records, each named after the build that tried."""
    return f"{alias}/redrives"


def encoder_path(fingerprint: str) -> str:
    return f"{vectors_folder(fingerprint)}/encoder.json"


def probe_path(fingerprint: str) -> str:
    return f"{vectors_folder(fingerprint)}/probe.parquet"


def tokenizer_path(fingerprint: str) -> str:
    return f"{vectors_folder(fingerprint)}/tokenizer.json"


def vectors_folder(fingerprint: str) -> str:
    return f"{VECTORS}/{fingerprint}"
