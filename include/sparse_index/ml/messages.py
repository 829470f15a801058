"""What ML Commons says when a task fails, turned into a cause and something to do."""

from __future__ import annotations

import re

_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"model content changed|hash",
        "the file's sha256 is not the configured one (or memory ran out): check `encoder.model.sha256`",
    ),
    (r"Connection refused|UnknownHost|connect timed out|No route", "the cluster cannot reach the model's address"),
    (
        r"^[\w-]+(\.[\w-]+)+$",
        "the cluster cannot look up this host: without a way out use `source: file` or `url`",
    ),
    (r"Exceed max local model", "the ML nodes hold as many models as they may: undeploy one, or add a node"),
    (r"[Mm]emory [Cc]ircuit [Bb]reaker|memory_threshold", "the memory breaker is open: free memory on the ML nodes"),
    (r"no permissions for", "the user of the connection lacks this permission: see docs/security.md"),
    (r"tokenizer", "the zip has no usable tokenizer.json beside the model file"),
    (r"Name or service not known|not known", "the cluster cannot look up the model's host"),
    (r'^\{"[\w-]{20,}":\s*"[^"]*"\}$', "the node could not load PyTorch's native libraries; its log says more"),
)


def explain(raw: object) -> str:
    """`raw` as the server gave it, and, where we know it, what it means and what to do."""
    text = str(raw or "no reason given").strip()
    for pattern, cause in _CAUSES:
        if re.search(pattern, text):
            return f"{text} -> {cause}"
    return text
