"""A clock for a budget of seconds: it runs while this search does, and half as fast while other programs do.

Idle, it is the clock on the wall; on a busy one a search is not cut short, but takes twice its budget at most.

Read next: `numeric.check.diagnosis.regions`.
"""

from __future__ import annotations

import time


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._thread, self._wall = time.thread_time(), time.monotonic()

    def now(self) -> float:
        """The seconds that count."""
        return max(time.thread_time() - self._thread, (time.monotonic() - self._wall) / 2)
