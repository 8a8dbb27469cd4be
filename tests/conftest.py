"""What all tests share: one BLAS thread per worker, reproducible Hypothesis, and the marker `needs`.

Hypothesis runs derandomized and without a deadline (profile ``ci``): what fails here fails everywhere.
``HYPOTHESIS_PROFILE=explore`` looks for new ones.
"""

import importlib.util
import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")  # read when NumPy is first imported; pytest-xdist has the cores
os.environ.setdefault("MPLBACKEND", "Agg")

settings.register_profile(
    "ci", derandomize=True, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("ci"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what ``@pytest.mark.needs("latexmk", "torch")`` says cannot run here."""
    names = [name for mark in item.iter_markers("needs") for name in mark.args]
    missing = [name for name in names if not (shutil.which(name) or importlib.util.find_spec(name))]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
