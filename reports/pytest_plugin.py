"""The pytest plugin: a fixture that checks hand-written gradients.

.. code-block:: python

    def test_my_backward_pass(bptt_check):
        bptt_check(forward=lstm_forward, backward=lstm_backward, cell="lstm", allow=["truncate:1"])

pytest imports this module in every project where the package is installed, so that it imports nothing but pytest.

Read next: `reports.cli`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from numeric.check.verdict import Verdict


@pytest.fixture(scope="session")
def bptt_check() -> Callable[..., Verdict]:
    """`numeric.assert_gradients`: takes arrays, a file of them, or functions; raises with the verdict."""
    from numeric.check.assertion import assert_gradients

    return assert_gradients
