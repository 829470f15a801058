"""What Airflow's notifiers are to the core, without Airflow: made with arguments, called with a context."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

# Channel and context of each message: a notifier is made anew for each alert.
SENT: list[tuple[str, dict[str, Any]]] = []


class Service:
    """Takes a channel."""

    def __init__(self, channel: str) -> None:
        self.channel = channel

    def __call__(self, context: dict[str, Any]) -> None:
        self.notify(context)

    def notify(self, context: dict[str, Any]) -> None:
        SENT.append((self.channel, context))


class Down(Service):
    """Says its secret address when it fails."""

    def notify(self, context: dict[str, Any]) -> None:
        raise ConnectionError("nobody at https://hooks.example/x?token=s3cret")


class Refused(Service):
    """Says all that it was given when it fails, as clients do."""

    def __init__(self, channel: str, headers: dict[str, list[str]]) -> None:
        super().__init__(channel)
        self.key = headers["key"][0]

    def notify(self, context: dict[str, Any]) -> None:
        path = urlsplit(self.channel).path
        raise ConnectionError(f"Max retries exceeded with url: {path} (caused by {self.channel}, key {self.key})")
