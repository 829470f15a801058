"""Settings and files of the security plugin for one secure instance."""

import json
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

import bcrypt

from local_cluster.certificates import CA_FILE, NODE_FILE, NODE_KEY_FILE, NODE_NAME, make_certificates
from local_cluster.home import Home, write_private

ADMIN = "admin"
CERTIFICATES = "certificates"
SECURITY_FILES = "opensearch-security"
# What the official packages protect: only the plugins themselves read these, users go through the ML API.
SYSTEM_INDICES = (
    ".plugins-ml-agent",
    ".plugins-ml-config",
    ".plugins-ml-connector",
    ".plugins-ml-controller",
    ".plugins-ml-model-group",
    ".plugins-ml-model",
    ".plugins-ml-task",
    ".plugins-ml-conversation-meta",
    ".plugins-ml-conversation-interactions",
    ".plugins-ml-memory-meta",
    ".plugins-ml-memory-message",
    ".plugins-ml-stop-words",
)
USERS = """\
_meta:
  type: internalusers
  config_version: 2
{admin}:
  hash: "{hash}"
  reserved: true
  backend_roles: ["admin"]
"""


def new_password() -> str:
    return secrets.token_urlsafe(24)


def ca_file(home: Home) -> Path:
    return home.config / CERTIFICATES / CA_FILE


def security_settings() -> Mapping[str, str]:
    """Lines of opensearch.yml; paths are relative to the config folder."""
    files = {"pemcert": NODE_FILE, "pemkey": NODE_KEY_FILE, "pemtrustedcas": CA_FILE}
    tls = {
        f"plugins.security.ssl.{layer}.{kind}_filepath": f"{CERTIFICATES}/{name}"
        for layer in ("transport", "http")
        for kind, name in files.items()
    }
    return {
        **tls,
        "plugins.security.ssl.http.enabled": "true",
        "plugins.security.allow_default_init_securityindex": "true",
        "plugins.security.nodes_dn": json.dumps([f"CN={NODE_NAME}"]),
        "plugins.security.restapi.roles_enabled": json.dumps(["all_access", "security_rest_api_access"]),
        "plugins.security.system_indices.enabled": "true",
        "plugins.security.system_indices.indices": json.dumps(SYSTEM_INDICES),
    }


def write_security_files(home: Home, tree: Path, password: str) -> None:
    """Certificates, roles as the plugin ships them, and one user: the administrator."""
    make_certificates(home.config / CERTIFICATES)
    target = home.config / SECURITY_FILES
    if target.exists():
        return
    shutil.copytree(tree / "plugins" / "opensearch-security" / "config", target)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt()).decode()
    write_private(target / "internal_users.yml", USERS.format(admin=ADMIN, hash=hashed))
