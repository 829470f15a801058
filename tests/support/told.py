"""Notifiers that keep what they would send, here or in a file that every process can write, and one that cannot send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow.sdk import BaseNotifier

TOLD: list[dict[str, Any]] = []


class Keeps(BaseNotifier):
    """`text` is a template, like the texts of every notifier."""

    template_fields = ("text",)

    def __init__(self, to: str, text: str = "{{ alert }}") -> None:
        super().__init__()
        self.to = to
        self.text = text

    def notify(self, context: Any) -> None:
        TOLD.append({"to": self.to, "text": self.text, "kind": str(context["alert"].kind)})


class Awaits(Keeps):
    """Sends in an event loop only, and keeps no other busy there."""

    def notify(self, context: Any) -> None:
        raise NotImplementedError

    async def async_notify(self, context: Any) -> None:
        super().notify(context)


class Writes(Keeps):
    """One line of JSON a message, at the end of the file `to`."""

    def notify(self, context: Any) -> None:
        with Path(self.to).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"text": self.text, "kind": str(context["alert"].kind)}) + "\n")


class Fails(BaseNotifier):
    """Its service is down, and it says so with its secret address."""

    def notify(self, context: Any) -> None:
        raise ConnectionError("no answer from https://hooks.example/send?token=s3cret")
