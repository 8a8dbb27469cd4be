"""The sample report, built once, and reports without pictures."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from reports.document import Report

SAMPLE = Path(__file__).with_name("sample.py")


@pytest.fixture(scope="session")
def sample() -> Report:
    """A report with everything that is hard to print."""
    report = runpy.run_path(str(SAMPLE))["build"]()
    assert isinstance(report, Report)
    return report


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pictures, which take seconds for every system and are tested elsewhere."""
    monkeypatch.setattr("reports.pictures.canvas.available", lambda: False)


@pytest.fixture(scope="session")
def hostile() -> tuple[str, ...]:
    """Names that a user might choose to break a writer."""
    names: tuple[str, ...] = runpy.run_path(str(SAMPLE))["HOSTILE"]
    return names
