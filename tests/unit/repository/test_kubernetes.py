"""docs/examples/kubernetes, as far as it can be checked without a cluster: values, pod templates, what a corpus file names.

The chart's own schema is in no package, so keys are compared with a list made by hand from it. The templates are compared with
the models of Kubernetes' own client, and go through the provider's generator as they do in its KubernetesExecutor.
"""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.providers.cncf.kubernetes.executors.kubernetes_executor_utils import get_base_pod_from_template
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from kubernetes.client import ApiClient

from opensearch_ml.task_settings import operator_arguments
from sparse_index.config.alerts import ALERTS_VARIABLE
from sparse_index.config.encoder import EncoderConfig
from sparse_index.config.tasks import AirflowConfig, TaskSettings
from sparse_index.store.sql import LEAST_MEMORY_MB, MEMORY_VARIABLE

FOLDER = Path(__file__).parents[3] / "docs" / "examples" / "kubernetes"
PODS = sorted((FOLDER / "pods").glob("*.yaml"))
# In the order of the tables in docs/deploy.md.
PROCESSES = ("workers", "triggerer", "dagProcessor", "apiServer", "scheduler")
MIB = {"Mi": 1, "Gi": 1024}
# Of chart/values.schema.json of the chart for Airflow 3: what the two files use, and of what type it is there.
CHART: dict[str, Any] = {
    "executor": str,
    "airflowVersion": str,
    "images": {"airflow": {"repository": str, "tag": str, "pullPolicy": str}},
    "extraEnvFrom": str,
    "securityContexts": {"pod": dict, "containers": dict},
    "workers": {
        "replicas": int,
        "env": list,
        "serviceAccount": {"create": bool, "annotations": dict},
        "resources": {"requests": dict, "limits": dict},
    },
    **{
        name: {"serviceAccount": {"create": bool, "annotations": dict}}
        for name in ("apiServer", "dagProcessor", "triggerer")
    },
    "config": dict,
}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def unknown(values: Any, known: Any, where: str = "") -> list[str]:
    if not isinstance(known, dict):
        return [] if isinstance(values, known) else [f"{where} is no {known.__name__}"]
    found: list[str] = []
    for name, value in values.items():
        found += unknown(value, known[name], f"{where}.{name}") if name in known else [f"{where}.{name}"]
    return found


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * MIB[quantity[-2:]]


def variables(container: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"]}


@pytest.mark.parametrize("name", ["values.yaml", "values-celery.yaml"])
def test_values_have_keys_that_the_chart_knows(name: str) -> None:
    values = read(FOLDER / name)
    assert unknown(values, CHART) == []
    # Airflow reads a configuration file: there are only strings.
    assert all(isinstance(value, str) for section in values["config"].values() for value in section.values())
    assert values["executor"].split(",")[-1] == "KubernetesExecutor"


def test_a_list_of_keys_finds_what_it_does_not_know() -> None:
    assert unknown({"worker": {}, "workers": {"env": {}}, "images": {"airflow": {"tags": "1"}}}, CHART) == [
        ".worker",
        ".workers.env is no list",
        ".images.airflow.tags",
    ]


def test_the_tasks_of_a_celery_worker_fit_into_it() -> None:
    values = read(FOLDER / "values-celery.yaml")
    (memory,) = (int(each["value"]) for each in values["workers"]["env"] if each["name"] == MEMORY_VARIABLE)
    at_once = int(values["config"]["celery"]["worker_concurrency"])
    assert mebibytes(values["workers"]["resources"]["limits"]["memory"]) >= memory * at_once + 300


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.stem)
def test_a_pod_has_the_memory_that_its_task_takes_and_no_more_rights_than_it_needs(path: Path) -> None:
    spec = read(path)["spec"]
    (container,) = spec["containers"]
    limits, environment = container["resources"]["limits"], variables(container)
    assert container["name"] == "base"
    assert LEAST_MEMORY_MB <= int(environment[MEMORY_VARIABLE]) * 1.1 <= mebibytes(limits["memory"])
    assert container["resources"]["requests"]["memory"] == limits["memory"]
    # Of an encode task: how much it asks of its model at once.
    assert limits.get("cpu") == (container["resources"]["requests"]["cpu"] if "encode" in path.stem else None)
    assert (spec["securityContext"]["runAsNonRoot"], spec["serviceAccountName"]) == (True, "airflow-worker")
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounted.keys() == {each["name"] for each in spec["volumes"]}
    # What a task writes to beside the store.
    assert (mounted["scratch"], mounted["logs"], environment["HOME"]) == ("/tmp", "/opt/airflow/logs", "/tmp")


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.stem)
def test_a_template_says_again_what_the_chart_gives_tasks(path: Path) -> None:
    values = read(FOLDER / "values.yaml")
    (container,) = read(path)["spec"]["containers"]
    assert "env" not in values, "what all processes have is in the image"
    assert container["envFrom"] == yaml.safe_load(values["extraEnvFrom"])


def test_the_secrets_of_the_values_are_made_by_the_guide() -> None:
    guide = (FOLDER / "README.md").read_text(encoding="utf-8")
    secrets = [each["secretRef"] for each in yaml.safe_load(read(FOLDER / "values.yaml")["extraEnvFrom"])]
    assert [each["name"] for each in secrets] == ["opensearch-connection", "search-alerts"]
    assert all(f"kubectl create secret generic {each['name']} " in guide for each in secrets)
    assert f"--from-literal={ALERTS_VARIABLE}=" in guide


def test_who_needs_the_bucket_has_its_role() -> None:
    """By the table in docs/deploy.md."""
    page, values = (FOLDER.parents[1] / "deploy.md").read_text(encoding="utf-8"), read(FOLDER / "values.yaml")
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:-1]] for cells in map(split_row, page.splitlines()) if cells
    }
    needs = rows["store and corpus (network and credentials)"]
    assert (len(needs), needs[-1]) == (len(PROCESSES), "no")
    with_role = [bool(values.get(name, {}).get("serviceAccount", {}).get("annotations")) for name in PROCESSES]
    assert [need for need, has in zip(needs, with_role, strict=True) if need != "no" and not has] == []


def split_row(line: str) -> list[str]:
    return line.split("|") if line.startswith("|") else []


def test_the_guides_commands_bring_together_what_the_image_is_made_of(tmp_path: Path) -> None:
    """In a checkout; `pip` and `docker` alone are others."""
    for name, does in (("pip", 'mkdir "$4"; touch "$4/sparse_index_dags-9-py3-none-any.whl"'), ("docker", "true")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    for folder in ("dags", "docs"):
        (tmp_path / folder).symlink_to(FOLDER.parents[2] / folder)
    build, _ = (textwrap.dedent(block) for block in blocks_of("README.md"))
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-ec", build], cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=60)
    copied = re.findall(r"^COPY (\S+)/ ", (tmp_path / "image" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert copied == ["dist", "dags", "corpora", "pods"]
    assert [name for name in copied if not (tmp_path / "image" / name).is_dir()] == []
    assert list((tmp_path / "image" / "dist").glob("sparse_index_dags-*.whl"))


def blocks_of(name: str) -> list[str]:
    return re.findall(r"^ *```sh\n(.*?)^ *```$", (FOLDER / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_guide_makes_a_pool_of_as_many_slots_as_the_corpus_has_tasks() -> None:
    _, looks = blocks_of("README.md")
    assert (
        f"airflow pools set sparse_index_encode {read(FOLDER / 'corpus.yaml')['encoder']['parallel_tasks']} " in looks
    )
    # Where the corpus files and the role are: tests above.
    assert "deploy/airflow-dag-processor" in looks.split("sparse_index doctor")[0]


def test_one_template_asks_for_a_gpu_and_says_where_one_is() -> None:
    gpus = {path.stem: read(path)["spec"] for path in PODS if "nvidia.com/gpu" in path.read_text(encoding="utf-8")}
    assert list(gpus) == ["encode-gpu"]
    spec = gpus["encode-gpu"]
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert spec["nodeSelector"]
    assert spec["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]


def test_the_corpus_file_names_templates_that_are_in_the_image() -> None:
    corpus = read(FOLDER / "corpus.yaml")
    settings = AirflowConfig.model_validate(corpus["airflow"])
    named = [settings.pod_override, settings.encode.pod_override]
    assert {str(path).removeprefix("/opt/airflow/") for path in named} <= {f"pods/{path.name}" for path in PODS}
    assert "COPY pods/ /opt/airflow/pods/" in (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    model = {"source": "file", "name": "m", "version": "1", "path": "s3://example-search/model.zip"}
    assert EncoderConfig.model_validate({"model": model} | corpus["encoder"]).run_on == "worker"


def as_kubernetes_reads_it(template: Any) -> Any:
    """Without what its client's models do not know, and of their types; ValueError where a key that must be there is not."""
    return ApiClient().sanitize_for_serialization(PodGenerator.deserialize_model_dict(template))


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.stem)
def test_kubernetes_knows_every_key_of_a_template(path: Path) -> None:
    template = read(path)
    assert as_kubernetes_reads_it(template) == template


def test_a_slip_in_a_template_is_found() -> None:
    unknown, number, nameless = (read(PODS[0]) for _ in range(3))
    unknown["spec"]["nodeSelectors"] = {"disk": "fast"}
    number["spec"]["containers"][0]["resources"]["limits"]["cpu"] = 15
    for slip in (unknown, number):
        assert as_kubernetes_reads_it(slip) != slip
    del nameless["spec"]["containers"][0]["name"]
    with pytest.raises(ValueError, match="`name`, must not be `None`"):
        as_kubernetes_reads_it(nameless)


@pytest.mark.parametrize("path", PODS, ids=lambda path: path.stem)
def test_airflows_executor_makes_a_pod_of_each_template(path: Path) -> None:
    """By the steps of its KubernetesExecutor, from what a corpus file gives a task."""
    given = operator_arguments(TaskSettings(pod_override=str(path)))["executor_config"]
    pod = PodGenerator.construct_pod(
        dag_id="sparse_index__tickets",
        task_id="encode",
        pod_id="sparse-index-tickets-encode",
        try_number=1,
        kube_image="registry.example.org/airflow-search:2",
        date=datetime(2026, 1, 2, tzinfo=UTC),
        args=["python", "-m", "airflow.sdk.execution_time.execute_workload"],
        pod_override_object=PodGenerator.from_obj(given),
        base_worker_pod=get_base_pod_from_template(given["pod_template_file"], None),
        namespace="airflow",
        scheduler_job_id="1",
        run_id="scheduled__2026-01-02",
        map_index=3,
    )
    (container,) = pod.spec.containers
    template = read(path)["spec"]
    assert container.image == "registry.example.org/airflow-search:2"
    assert container.resources.limits == template["containers"][0]["resources"]["limits"]
    assert container.security_context.read_only_root_filesystem is True
    assert {each.name: each.value for each in container.env if each.value}.items() >= variables(
        template["containers"][0]
    ).items()
    assert (pod.spec.node_selector, pod.metadata.labels["map_index"]) == (template.get("nodeSelector"), "3")
    assert PodGenerator.serialize_pod(pod)["spec"]["serviceAccountName"] == "airflow-worker"
