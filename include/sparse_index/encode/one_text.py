"""One text through one model with the patience of a build: asked again until the cluster is out of trouble."""

from __future__ import annotations

import logging
from typing import Any

from sparse_index.config.encoder import EncoderConfig
from sparse_index.encode import flight
from sparse_index.encode.predict import Predictor, Trouble, trouble_of
from sparse_index.errors import SparseIndexError, TerminalError
from sparse_index.timing import Timing
from sparse_index.vectors.kind import Refused

log = logging.getLogger(__name__)


def output_of(predictor: Predictor, text: str, encoder: EncoderConfig, timing: Timing) -> Any:
    """What the model says of one text asked alone, or `Refused` when it was twice refused; raises what the cluster answered
    when no request can succeed, or when its trouble does not end."""
    refusals = troubles = 0
    while True:
        try:
            return _output(predictor, text)
        except SparseIndexError as error:
            kind = trouble_of(error)
            troubles += kind is not Trouble.DOCUMENT
            refusals += kind is Trouble.DOCUMENT
            if kind is Trouble.FATAL or troubles >= flight.TROUBLES_IN_A_ROW:
                raise
            if refusals > 1:
                return Refused(error.reason or error.message)
            _recover(predictor, text, encoder, timing, error, troubles)


def _output(predictor: Predictor, text: str) -> Any:
    (output,) = predictor([text])
    if isinstance(output, Refused):
        raise TerminalError(output.reason)
    return output


def _recover(
    predictor: Predictor, text: str, encoder: EncoderConfig, timing: Timing, error: SparseIndexError, troubles: int
) -> None:
    kind = trouble_of(error)
    if kind is Trouble.NOT_READY:
        predictor.wait_until_ready(text, encoder.deploy_deadline_s, timing)
        return
    pause_s = flight.pause_after(kind, troubles)
    log.warning("%s Waiting %.0f s.", error.message, pause_s)
    timing.sleep(pause_s)
