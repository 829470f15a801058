"""Many texts through one model: as many requests in flight as pay, failing ones halved down to the one bad text.

One thread (the caller's) decides; worker threads only wait for answers. When the cluster is in trouble, everything
in flight is awaited first (the server does not cancel abandoned work), then the trouble is handled once.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sparse_index.config.encoder import EncoderConfig
from sparse_index.encode.governor import Governor
from sparse_index.encode.predict import Predictor, Trouble, trouble_of
from sparse_index.encode.search_watch import SearchWatch
from sparse_index.encode.texts import Encoded, Rejected, Text, TextOutcome
from sparse_index.errors import ModelError, SparseIndexError, TerminalError, UnavailableError
from sparse_index.timing import Timing
from sparse_index.vectors.kind import Refused

log = logging.getLogger(__name__)

BREAKER_PAUSE_S = 30.0
LONGEST_PAUSE_S = 60.0
DRAIN_POLL_S = 2.0
DOCUMENT_RETRY_PAUSE_S = 2.0
TROUBLES_IN_A_ROW = 20
TIMEOUTS_OF_ONE_TEXT = 3
REJECTED_BEFORE_ANY_SUCCESS = 20


@dataclass(frozen=True)
class _Batch:
    """Texts of one request; `timeouts` and `refusals` count what this very batch has met."""

    texts: tuple[Text, ...]
    timeouts: int = 0
    refusals: int = 0

    def halves(self) -> tuple[_Batch, _Batch]:
        middle = len(self.texts) // 2
        return _Batch(self.texts[:middle]), _Batch(self.texts[middle:])


_Answer = tuple[Sequence[Any], float]


class Encoding:
    """One pass over an iterator of texts; every text comes out once, as `Encoded` or `Rejected`, in any order."""

    def __init__(
        self,
        predictor: Predictor,
        governor: Governor,
        config: EncoderConfig,
        timing: Timing,
        searches: SearchWatch,
        known_good: str | None = None,
    ) -> None:
        """`known_good`: a text that the model is known to take, to tell a bad text from a node in trouble."""
        self._predictor, self._governor, self._config, self._timing = predictor, governor, config, timing
        self._searches = searches
        self._again: deque[_Batch] = deque()
        self._flying: dict[Future[_Answer], _Batch] = {}
        self._read = _Batch(())
        self._trouble: tuple[Trouble, _Batch, SparseIndexError] | None = None
        self._troubles_in_a_row = 0
        self._rejections = 0
        self._known_good = known_good

    @property
    def texts_in_flight(self) -> int:
        """The most that may be asked for and not yet given out when the caller comes back for more."""
        full = self._governor.limit * self._config.docs_per_request
        flying = sum(len(batch.texts) for batch in self._flying.values())
        waiting = sum(len(batch.texts) for batch in self._again) + len(self._read.texts)
        return max(flying, full) + waiting

    def run(self, texts: Iterable[Text]) -> Iterator[TextOutcome]:
        source = iter(texts)
        with ThreadPoolExecutor(self._governor.ceiling, thread_name_prefix="predict") as pool:
            while self._fill(pool, source):
                done, _ = wait(self._flying, return_when=FIRST_COMPLETED)
                future = done.pop()
                self._read = self._flying.pop(future)
                try:
                    if future.exception() is None and self._has_room_ahead():
                        # The nodes work on while the answer is read and kept.
                        self._fill(pool, source)
                finally:
                    yield from self._outcomes(future, self._read)
                self._read = _Batch(())
                if self._trouble is not None:
                    for late in wait(self._flying).done:
                        yield from self._outcomes(late, self._flying.pop(late))
                    self._recover()

    def _has_room_ahead(self) -> bool:
        """A kill costs the answer that is read as well as what is in flight: together no more than half a chunk."""
        return (self._governor.limit + 1) * self._config.docs_per_request <= self._config.chunk_docs // 2

    def _fill(self, pool: ThreadPoolExecutor, source: Iterator[Text]) -> bool:
        while len(self._flying) < self._governor.limit:
            batch = self._again.popleft() if self._again else self._next(source)
            if not batch.texts:
                break
            self._flying[pool.submit(self._ask, batch)] = batch
        return bool(self._flying)

    def _next(self, source: Iterator[Text]) -> _Batch:
        return _Batch(tuple(islice(source, self._config.docs_per_request)))

    def _ask(self, batch: _Batch) -> _Answer:
        started = self._timing.clock()
        answer = self._predictor([text.text for text in batch.texts])
        return answer, self._timing.clock() - started

    def _outcomes(self, future: Future[_Answer], batch: _Batch) -> Iterator[TextOutcome]:
        error = future.exception()
        if error is None:
            yield from self._succeed(batch, *future.result())
        else:
            yield from self._fail(batch, error)

    def _succeed(self, batch: _Batch, outputs: Sequence[Any], seconds: float) -> Iterator[TextOutcome]:
        self._governor.observe(len(batch.texts), seconds)
        if self._searches.suffer():
            self._governor.refused()
        answers = list(zip(batch.texts, outputs, strict=True))
        encoded = [text.text for text, output in answers if not isinstance(output, Refused)]
        self._known_good = min(encoded, key=len, default=self._known_good)
        if encoded:
            # An answer without one vector is no sign that the nodes are well.
            self._troubles_in_a_row = 0
        for text, output in answers:
            if isinstance(output, Refused):
                yield from self._suspect(replace(batch, texts=(text,)), TerminalError(output.reason))
            else:
                yield Encoded(text, self._predictor.kind.vector(output))

    def _fail(self, batch: _Batch, error: BaseException) -> Iterator[TextOutcome]:
        kind = trouble_of(error)
        if kind is Trouble.FATAL or not isinstance(error, SparseIndexError):
            raise error
        if kind is Trouble.DOCUMENT:
            yield from self._suspect(batch, error)
            return
        if kind is Trouble.TIMED_OUT:
            if len(batch.texts) == 1 and batch.timeouts + 1 >= TIMEOUTS_OF_ONE_TEXT:
                yield self._too_slow(batch.texts[0], error)
                return
            batch = self._timed_out(batch)
        self._again.append(batch)
        self._trouble = (kind, batch, error)

    def _suspect(self, batch: _Batch, error: SparseIndexError) -> Iterator[TextOutcome]:
        """Halve the failing request; a single text that fails before and after another one is answered is the bad one."""
        if len(batch.texts) > 1:
            self._again.extendleft(reversed(batch.halves()))
        elif batch.refusals == 0:
            # A node that goes away answers 500 for innocent texts too.
            self._timing.sleep(pause_after(Trouble.DOCUMENT, 0))
            self._again.appendleft(replace(batch, refusals=1))
        elif not self._model_works():
            self._again.append(batch)
            self._trouble = (Trouble.UNREACHABLE, batch, _refuses_everything(self._predictor.model_id, error))
        elif batch.refusals == 1:
            # Its node may have come back just before the other text was asked for.
            self._again.appendleft(replace(batch, refusals=2))
        else:
            yield self._reject(batch.texts[0], "predict_failed", error.reason or error.message, batch.refusals + 1)

    def _model_works(self) -> bool:
        """Whether a text that was encoded before still is: nodes in trouble refuse good texts too. Where none is known
        nobody can tell; `_reject` counts those."""
        if self._known_good is None:
            return True
        try:
            (output,) = self._predictor([self._known_good])
        except SparseIndexError as error:
            if trouble_of(error) is Trouble.FATAL:
                raise
            return False
        return not isinstance(output, Refused)

    def _reject(self, text: Text, error_class: str, reason: str, attempt: int) -> Rejected:
        self._rejections += 1
        if self._known_good is None and self._rejections >= REJECTED_BEFORE_ANY_SUCCESS:
            raise ModelError(
                f"Model {self._predictor.model_id} refused the first {self._rejections} texts it got ({error_class}: "
                f"{reason}): the model is at fault, not the texts. Check it with one predict request by hand."
            )
        return Rejected(text, error_class, reason, attempt)

    def _timed_out(self, batch: _Batch) -> _Batch:
        """The batch to repeat; halved from the second time on, because long texts add up."""
        if len(batch.texts) > 1 and batch.timeouts >= 1:
            batch, other = batch.halves()
            self._again.append(other)
        return replace(batch, timeouts=batch.timeouts + 1)

    def _too_slow(self, text: Text, error: SparseIndexError) -> Rejected:
        """The text itself is at fault where another one is answered: it would stop every later run too."""
        if self._known_good is not None and self._model_works():
            waited = f"within encoder.request_timeout_s ({self._config.request_timeout_s:g} s)"
            by_whom = f"before a gateway in front of the cluster gave up ({error.status})"
            reason = f"no answer {waited if error.status is None else by_whom}"
            return self._reject(text, "predict_timeout", reason, TIMEOUTS_OF_ONE_TEXT)
        place = text.place
        raise UnavailableError(
            f"Predict timed out {TIMEOUTS_OF_ONE_TEXT} times for the one text at {place.file}, row group "
            f"{place.row_group}, row {place.row} ({len(text.text)} characters). Raise encoder.request_timeout_s, "
            "and the time-out of a gateway in front of the cluster, or give the ML nodes less other work; finished chunks "
            "are kept."
        ) from error

    def _recover(self) -> None:
        if self._trouble is None:
            return
        (kind, batch, error), self._trouble = self._trouble, None
        self._troubles_in_a_row += 1
        if self._troubles_in_a_row >= TROUBLES_IN_A_ROW:
            raise error
        if kind is Trouble.NOT_READY:
            self._predictor.wait_until_ready(batch.texts[0].text, self._config.deploy_deadline_s, self._timing)
            return
        self._governor.refused()
        self._pause(kind, error)

    def _pause(self, kind: Trouble, error: SparseIndexError) -> None:
        limit = self._governor.limit
        if kind is Trouble.TIMED_OUT:
            log.warning("Predict timed out; letting the queue drain, then %d requests in flight.", limit)
            self._drain()
            return
        pause_s = pause_after(kind, self._troubles_in_a_row)
        log.warning("%s Waiting %.0f s, then %d requests in flight.", error.message, pause_s, limit)
        self._timing.sleep(pause_s)

    def _drain(self) -> None:
        """Wait until the ML nodes have room again for what will be sent, at most one request time-out."""
        deadline = self._timing.clock() + self._config.request_timeout_s
        while self._timing.clock() < deadline:
            waiting = self._predictor.waiting()
            if waiting is not None and waiting < self._governor.limit:
                return
            self._timing.sleep(DRAIN_POLL_S)


def pause_after(kind: Trouble, troubles_in_a_row: int) -> float:
    """Seconds that a cluster in trouble is left alone."""
    if kind is Trouble.DOCUMENT:
        return DOCUMENT_RETRY_PAUSE_S
    shortest = BREAKER_PAUSE_S if kind is Trouble.OVERLOADED else 0.0
    return max(shortest, min(2.0**troubles_in_a_row, LONGEST_PAUSE_S))


def _refuses_everything(model_id: str, error: SparseIndexError) -> UnavailableError:
    return UnavailableError(
        f"Model {model_id} refuses even a text that it encoded before ({error.reason or error.message}): its nodes are in "
        "trouble. See their logs and memory; finished chunks are kept.",
        error.status,
    )
