"""What an installed package tells Airflow about itself; where the folders were copied, nobody asks."""

from __future__ import annotations

from typing import Any

from opensearch_ml.authorization import AWS_SERVICES, WAYS
from sparse_index import __version__


def provider_info() -> dict[str, Any]:
    """In the form of Airflow's `provider_info.schema.json`."""
    return {
        "package-name": "sparse-index-dags",
        "name": "Sparse index",
        "description": "Keeps a Parquet corpus searchable by meaning in your own OpenSearch cluster.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": "opensearch_ml",
                "hook-name": "OpenSearch ML",
                "hook-class-name": "opensearch_ml.hooks.OpenSearchMLHook",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"password": "Password, or token"},
                    "placeholders": {
                        "host": "search.example.org, without scheme and path",
                        "port": "9200",
                        "login": "sparse_index_build",
                    },
                },
                "conn-fields": _fields(),
            }
        ],
    }


def _fields() -> dict[str, dict[str, Any]]:
    """The extras that the hook reads, in the order of the form."""
    return {
        "use_ssl": _switch("Use TLS", "Off only for a cluster that speaks plain HTTP.", on=True),
        "verify_certs": _switch("Verify certificates", "Off sends the password to whoever answers.", on=True),
        "ca_certs": _text("CA file", "A path as workers and triggerer see it. Empty: the system's."),
        "client_cert": _text("Client certificate", "A path, too."),
        "client_key": _text("Key of the client certificate", "A path, too."),
        "timeout_s": _field("Time-out", "Seconds for one request.", {"type": ["number", "null"], "default": 60}),
        "auth": _choice("Authorization", "basic: login and password.", WAYS),
        "token_file": _text(
            "Token file", "For bearer: a path, read for each request. Empty: the password is the token."
        ),
        "aws_conn_id": _text("AWS connection", "For sigv4: who signs, and in which role."),
        "region": _text("AWS region", "For sigv4. Empty: the AWS connection's."),
        "service": _choice("AWS service", "For sigv4: es is a domain, aoss is serverless.", AWS_SERVICES),
        "knn_natives": _switch(
            "k-NN natives", "Every data node has the native libraries of k-NN, for faiss.", on=False
        ),
    }


def _field(label: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": schema}


def _switch(label: str, description: str, *, on: bool) -> dict[str, Any]:
    return _field(label, description, {"type": "boolean", "default": on})


def _text(label: str, description: str) -> dict[str, Any]:
    return _field(label, description, {"type": ["string", "null"]})


def _choice(label: str, description: str, known: tuple[str, ...]) -> dict[str, Any]:
    return _field(label, description, {"type": "string", "enum": list(known), "default": known[0]})
