"""What ML Commons says when a task fails, turned into a cause and something to do."""

from __future__ import annotations

import re

import orjson

_NODE_ID = re.compile(r"^[\w-]{20,}$")

_BREAKER = r"[Cc]ircuit [Bb]reaker|memory_threshold"
_NO_PLACE = r"Exceed max local model"
_HOST = r"^[\w-]+(\.[\w-]+)+$"
# Order matters: the first that matches wins, so what is certain comes before what is general.
_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"no permissions for|User doesn't have privilege",
        "the user of the connection lacks this permission: see docs/security.md",
    ),
    (
        r"model content changed|[Hh]ash value|content hash",
        "the file's sha256 is not the configured one (or memory ran out): check `encoder.model.sha256`",
    ),
    (
        _NO_PLACE,
        "the ML nodes hold as many models as they may, those of other runs among them: wait until these have ended, undeploy "
        "one that nobody uses, or add a node",
    ),
    (
        _BREAKER,
        "a breaker is open: free memory (or disk, if it says so) on the ML nodes, then run again",
    ),
    (r"[Tt]okenizer", "the zip has no usable tokenizer.json at its top level: pack it anew"),
    (
        r"file not found in|not a ZIP archive|PytorchStreamReader|[Ff]ind model file|multiple model file",
        "the file is not a zip with one model (.pt or .onnx) and tokenizer.json at its top level: pack it anew",
    ),
    (
        r"Connection refused|UnknownHost|[Cc]onnect timed out|No route|FileNotFoundException|Server returned HTTP",
        "the cluster cannot fetch the model from its address: open the address from an ML node, or use `source: file`",
    ),
    (
        rf"not known|{_HOST}",
        "the cluster cannot look up this host: give it a way out, or use `source: file` (or `url` with a mirror)",
    ),
    (
        r"[Nn]o eligible node",
        "no node may run models: add a node with the role ml, or set plugins.ml_commons.only_run_on_ml_node: false",
    ),
    (
        r"libtorch|libdjl|PyTorch|\.pytorch\.|UnsatisfiedLink|djl",
        "the node could not load PyTorch's native libraries: put them into its ml_cache; its log says more",
    ),
)

_NO_NATIVES = (
    "this host could not be reached by a node that has no PyTorch libraries yet: put them into the node's ml_cache, or "
    "give the node a way out"
)


def explain(raw: object) -> str:
    """`raw` as the server gave it, without the node ids around it, and, where we know it, what it means and what to do."""
    given = str(raw or "no reason given").strip()
    reasons = _reasons_of_nodes(given)
    text = " | ".join(dict.fromkeys(reasons)) or given
    # A node that loads a model has the model already: the host it names is the one it wants its libraries from.
    if reasons and all(re.match(_HOST, reason) for reason in reasons):
        return f"{text} -> {_NO_NATIVES}"
    for pattern, cause in _CAUSES:
        if re.search(pattern, text):
            return f"{text} -> {cause}"
    return text


def is_refused_for_now(raw: object) -> bool:
    """Whether a task failed only because a breaker was open or all places were taken, on every node that failed: asked again, it
    may succeed."""
    given = str(raw or "")
    return all(re.search(rf"{_BREAKER}|{_NO_PLACE}", reason) for reason in _reasons_of_nodes(given) or [given])


def _reasons_of_nodes(text: str) -> list[str]:
    """A deployment's error is JSON, node id -> reason; any other text gives none."""
    try:
        reasons = orjson.loads(text)
    except orjson.JSONDecodeError:
        return []
    if isinstance(reasons, dict) and all(_NODE_ID.match(node) for node in reasons):
        return [str(reason) for reason in reasons.values()]
    return []
