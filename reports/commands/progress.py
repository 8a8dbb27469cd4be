"""Progress of what takes over a second, on stderr, and only if stderr is a terminal.

Read next: `reports.commands.listing`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 1.0  # seconds without a word
DONE = ""  # said when one of several things is done
Say = Callable[[str], None]


@contextmanager
def progress(total: int = 1) -> Iterator[Say]:
    """A function to say what is being done; it is shown after a second, with the time it takes, and leaves no trace.

    Of several things there is a bar, too, that grows whenever `DONE` is said.
    """
    if not sys.stderr.isatty():
        yield _ignore
        return
    from rich.columns import Columns
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.spinner import Spinner
    from rich.text import Text

    begin = time.monotonic()
    spinner = Spinner("dots")
    bar = ProgressBar(total=total, completed=0, width=30)
    doing = ""

    def say(what: str) -> None:
        nonlocal doing
        bar.update(bar.completed + (what == DONE))
        doing = what or doing

    def shown() -> RenderableType:
        seconds = time.monotonic() - begin
        if seconds < PATIENCE:
            return Text("")
        spinner.update(text=Text(f"{doing} · {seconds:.0f} s"))
        return Columns([bar, spinner]) if total > 1 else spinner

    with Live(get_renderable=shown, console=Console(stderr=True), transient=True, refresh_per_second=8):
        yield say


def after(head: str, say: Say) -> Say:
    """Say things that belong to `head`."""
    return lambda what: say(f"{head}: {what}")


def _ignore(_: str) -> None:
    """Nobody is looking."""
