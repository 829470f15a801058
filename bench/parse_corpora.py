"""CPU seconds that one parse of the DAGs takes, by the number of corpora; and one DAG's parse, as a task start does it.

    PYTHONPATH=include:plugins python bench/parse_corpora.py 10 40 50 100 200

Airflow's dag processor parses the file every 30 seconds or so, and gives up after `core.dagbag_import_timeout` (30 s).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
DAG_FILE = ROOT / "dags" / "daily_build.py"
COUNTS = (10, 40, 50, 100, 200)
ASKED_FOR = "_AIRFLOW_PARSING_CONTEXT_DAG_ID"


def main(counts: Sequence[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        set_up(Path(folder, "airflow"))
        parse_seconds(write_corpora(Path(folder, "warm-up"), 1))  # the imports, which every parse finds done
        print(f"{'corpora':>8}{'all DAGs, s':>14}{'one DAG, s':>13}")
        for count in counts:
            corpora = write_corpora(Path(folder, str(count)), count)
            # Other work on the machine only ever adds to it: the least of three is nearest to the truth.
            every = min(parse_seconds(corpora) for _ in range(3))
            one = min(parse_seconds(corpora, "sparse_index__corpus-1") for _ in range(3))
            print(f"{count:>8}{every:>14.2f}{one:>13.3f}", flush=True)


def set_up(home: Path) -> None:
    os.environ |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
    }


def write_corpora(folder: Path, count: int) -> Path:
    folder.mkdir()
    model = (ROOT / "include" / "corpora" / "tickets.yaml").read_text(encoding="utf-8")
    for number in range(1, count + 1):
        text = model.replace("alias: tickets", f"alias: corpus-{number}")
        (folder / f"corpus-{number}.yaml").write_text(text, encoding="utf-8")
    return folder


def parse_seconds(corpora: Path, dag_id: str | None = None) -> float:
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415 - it reads the environment when it is imported

    os.environ["SPARSE_INDEX_CORPORA"] = str(corpora)
    os.environ.pop(ASKED_FOR, None)
    if dag_id is not None:
        os.environ[ASKED_FOR] = dag_id
    began = time.process_time()
    bag = DagBag(str(DAG_FILE))
    seconds = time.process_time() - began
    expected = 1 if dag_id else len(list(corpora.iterdir()))
    if bag.import_errors or len(bag.dags) != expected:
        sys.exit(f"{len(bag.dags)} DAGs of {expected}: {bag.import_errors}")
    return seconds


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("counts", type=int, nargs="*", default=COUNTS)
    main(options.parse_args().counts)
