"""The classes that send: found by their import path, looked at before anybody needs them, asked one after the other.

They are Airflow's, and nothing of Airflow is imported here: a notifier is called with a context, and fills its templates from it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from sparse_index.addresses import hide_secrets
from sparse_index.alerts.message import Alert
from sparse_index.config.alerts import AlertConfig

_SHORTEST_SECRET = 6


def notifier_class(path: str) -> Any:
    """ImportError when there is no such module, or nothing of that name in it."""
    module, _, name = path.rpartition(".")
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        raise ImportError(f"{module} has no {name}") from None


def problems(alerts: Iterable[AlertConfig]) -> Iterator[str]:
    """What would keep them from sending, as far as that shows without sending: for the parse of a DAG."""
    for alert in alerts:
        try:
            found = notifier_class(alert.notifier)
        except Exception as error:  # noqa: BLE001 - a module of somebody else may raise anything
            yield (
                f"notifier {alert.notifier} cannot be imported ({type(error).__name__}: {error}). Install its provider in every "
                "process of Airflow, or correct the path"
            )
            continue
        yield from _unusable(alert, found)


def _unusable(alert: AlertConfig, found: Any) -> Iterator[str]:
    if not (isinstance(found, type) and callable(getattr(found, "notify", None))):
        yield f"{alert.notifier} is no notifier class: name a subclass of airflow.sdk.BaseNotifier"
        return
    try:
        inspect.signature(found).bind(**alert.arguments)
    except TypeError as error:
        yield f"notifier {alert.notifier} does not take these arguments: {error}"


def send(alert: Alert, alerts: Sequence[AlertConfig], context: Mapping[str, Any]) -> list[str]:
    """Tell it through each; what was not sent, in words. One that fails stops no other.

    `context`: what its templates may use beside `alert`.
    """
    return [said for one in alerts if (said := _sent(alert, one, context)) is not None]


def _sent(alert: Alert, one: AlertConfig, context: Mapping[str, Any]) -> str | None:
    try:
        filled, shown = notifier(one, {**context, "alert": alert})
        filled.notify(shown)
    except Exception as error:  # noqa: BLE001 - whatever it is, the others must still be told
        return unsent(alert, one, error)
    return None


def notifier(one: AlertConfig, context: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """With its templates filled, and the context that it is to be given. Made anew for each alert: that changes it for good.

    Not by a call of it, as Airflow does: that writes an error into the log as it is, with the secrets of an address.
    """
    made = notifier_class(one.notifier)(**one.arguments)
    fields = getattr(made, "template_fields", ())
    shown = {**context, **{name: getattr(made, name) for name in fields}}
    if fields:
        made.render_template_fields(shown)
    return made, shown


def unsent(alert: Alert, one: AlertConfig, error: BaseException) -> str:
    """That an alert did not go, and why, without the arguments of its notifier."""
    why = hide_secrets(_without(one.arguments, str(error)))
    return f"'{alert.title}' was not sent by {one.notifier}: {type(error).__name__}: {why}. `alert-test` tries it again"


def _without(arguments: Any, text: str) -> str:
    """The longest ones first: an address holds its own path."""
    for secret in sorted(set(_texts(arguments)), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _texts(value: Any) -> Iterator[str]:
    """Every text in `value` that is long enough to be a secret, and its parts."""
    if isinstance(value, Mapping):
        yield from chain.from_iterable(map(_texts, value.values()))
    elif isinstance(value, list | tuple):
        yield from chain.from_iterable(map(_texts, value))
    elif isinstance(value, str):
        yield from (text for text in (value, *_after_host(value)) if len(text) >= _SHORTEST_SECRET)


def _after_host(text: str) -> Iterator[str]:
    """Of an address, as clients tell it that name the host elsewhere."""
    try:
        found = urlsplit(text)
    except ValueError:  # no address, though it looks like one
        return
    if found.netloc:
        yield from (f"{found.path}?{found.query}", found.path, found.query)
