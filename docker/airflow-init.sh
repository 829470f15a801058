#!/usr/bin/env bash
# Airflow's database, login, pool and connection. Safe to repeat; a failing step stops the whole stack.
set -euo pipefail

airflow db migrate

# An existing user keeps the password it has: `airflow users reset-password` changes it.
airflow users create --role Admin --username "${ADMIN_USERNAME}" --email "${ADMIN_EMAIL}" \
    --firstname Airflow --lastname Admin "--password=${ADMIN_PASSWORD}"

# Without this pool the encode tasks would wait for ever, silently.
airflow pools set sparse_index_encode "${ENCODE_POOL_SLOTS}" "Encode tasks that may use the ML nodes at once"

# Through a file, so that the password is in no command line.
connections="$(mktemp --suffix=.json)"
trap 'rm -f "${connections}"' EXIT
python - > "${connections}" <<'PYTHON'
import json, os

def connection(role):
    return {
        "conn_type": "opensearch",
        "host": "opensearch-1",
        "port": 9200,
        "login": f"sparse_index_{role}",
        "password": os.environ[f"OPENSEARCH_{role.upper()}_PASSWORD"],
        "extra": json.dumps({"ca_certs": "/opt/airflow/certs/ca/ca.pem"}),
    }

print(json.dumps({"opensearch_default": connection("build"), "opensearch_serving": connection("serve")}))
PYTHON
airflow connections import --overwrite "${connections}"
