"""Write `.env` for docker-compose.yaml: `.env.example` with a random secret for every value that is left open.

    python docker/new_env.py

An existing `.env` is never touched.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_OPEN = re.compile(r"^(?P<name>[A-Z][A-Z0-9_]*)=$", re.MULTILINE)


def secret_for(name: str) -> str:
    """64 hex digits: they may stand in a URL and on a command line. A Fernet key has a form of its own."""
    if name.endswith("FERNET_KEY"):
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(32)


def filled(template: str) -> str:
    return _OPEN.sub(lambda match: f"{match['name']}={secret_for(match['name'])}", template)


def main(folder: Path = ROOT) -> int:
    target = folder / ".env"
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.stderr.write(f"{target} exists already and is left as it is.\n")
        return 1
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(filled((folder / ".env.example").read_text(encoding="utf-8")))
    sys.stdout.write(f"Wrote {target}; only you can read it. The login of Airflow's UI is in it.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
