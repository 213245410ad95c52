"""Keeps keys out of the log lines of urllib3, which print whole addresses at level DEBUG."""

import logging
from collections.abc import Iterable

from placeproof.net.keys import Mask

_LOGGERS = (
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)


class _MaskingFilter(logging.Filter):
    """Rewrites each record of a logger before any handler sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.mask = Mask()

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.mask(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self.mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


_FILTER = _MaskingFilter()


def mask_in_logs(keys: Iterable[str]) -> None:
    """Masks these keys in urllib3's logs for as long as the process runs.

    Connections outlive the client that opened them, so this is never undone.
    """
    _FILTER.mask.add(keys)
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)  # adds it once
