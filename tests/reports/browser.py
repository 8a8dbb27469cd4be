"""A real browser for the tests: headless Chromium, driven by Playwright.

Where either is missing, the tests that ask for it are skipped, with the reason.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def start() -> Iterator[Any]:
    """The browser, closed in the end."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright, which drives the browser")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium here to lay pages out")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Seen:
    """A page, and what went wrong on it."""

    page: Any
    complaints: list[str] = field(default_factory=list)

    def ask(self, script: str, argument: object = None) -> Any:
        """What a script finds on the page; it runs in a world of its own, which the page's policy leaves alone."""
        return self.page.evaluate(script, argument)


@contextmanager
def shown(browser: Any, path: Path, *, width: int = 860, dark: bool = False, scripts: bool = True) -> Iterator[Seen]:
    """A page from a file, without a network."""
    context = browser.new_context(
        viewport={"width": width, "height": 1000},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        offline=True,
    )
    page = context.new_page()
    seen = Seen(page)
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (seen.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: _foreign(request.url, path, seen))
    page.goto(path.as_uri())
    yield seen
    context.close()


def _foreign(url: str, path: Path, seen: Seen) -> None:
    if url != path.as_uri() and not url.startswith("data:"):
        seen.complaints.append(f"asks for {url}")
