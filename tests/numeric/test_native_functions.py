"""Accuracy of the vector functions that compiled loops use, in units of the last place.

Stated: tanh within 2.5 ulp, exp within 1, softplus within 2, on processors that multiply and add in one operation, and
half a unit more elsewhere.  The arguments in float32 are all there are up to where a function is constant, every
fifth of them by default and every one with ``HYPOTHESIS_PROFILE=explore``; in float64 random ones.
"""

import ctypes
import os

import numpy as np
import pytest

from numeric.native import build
from tests.numeric.test_native import cache, with_compiler  # noqa: F401

EVERY = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "explore" else 5
STATED = {"tanh": 3.0, "exp": 1.5, "softplus": 2.5}

TEXT = """
#define MANY(name)                                                                                                   \\
  void many_##name(long n, const REAL *x, REAL *y) {                                                                 \\
    _Pragma("omp simd") for (long i = 0; i < n; i++) y[i] = name##_of(x[i]);                                         \\
  }
MANY(tanh) MANY(exp) MANY(softplus)
"""
WORST = """
/* the largest distance from the function in double, in ulp, over the numbers whose bits are first, first + every ... */
#define WORST(name)                                                                                                  \\
  double worst_##name(int32_t first, int32_t last, int32_t every, int sign) {                                        \\
    enum { MOST = 1024 };                                                                                            \\
    REAL x[MOST], y[MOST];                                                                                           \\
    double worst = 0;                                                                                                \\
    for (int64_t low = first; low < last; low += (int64_t)MOST * every) {                                            \\
      long n = 0;                                                                                                    \\
      for (int64_t bits = low; bits < last && n < MOST; bits += every) x[n++] = sign * from_bits((BITS)bits);        \\
      many_##name(n, x, y);                                                                                          \\
      for (long i = 0; i < n; i++) {                                                                                 \\
        double exact = name(x[i]);                                                                                   \\
        float near = fabsf((float)exact);                                                                            \\
        double unit = (double)nextafterf(near, INFINITY) - near, distance = fabs(y[i] - exact) / unit;               \\
        if (!(distance <= worst)) worst = distance;                                                                  \\
      }                                                                                                              \\
    }                                                                                                                \\
    return worst;                                                                                                    \\
  }
WORST(tanh) WORST(exp)
"""


def library(dtype):
    text = build.text_of("runtime.h") + TEXT + (WORST if dtype == "float32" else "")
    return ctypes.CDLL(str(build.library_of(text, dtype)))


def applied(name, x):
    y = np.empty_like(x)
    function = getattr(library(x.dtype.name), f"many_{name}")
    function(ctypes.c_long(x.size), ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data))
    return y


@with_compiler
@pytest.mark.parametrize(
    ("name", "first", "last", "sign"),
    [("tanh", 0.0, 10.5, 1), ("tanh", 2.0**-20, 10.5, -1), ("exp", 2.0**-27, 88.7, 1), ("exp", 2.0**-27, 87.3, -1)],
)
def test_float32_everywhere(name, first, last, sign):
    function = getattr(library("float32"), f"worst_{name}")
    function.argtypes, function.restype = [ctypes.c_int32] * 3 + [ctypes.c_int], ctypes.c_double
    bits = [int(np.float32(value).view(np.int32)) for value in (first, last)]
    every = EVERY if first else 40 * EVERY + 1
    assert 0.5 < function(*bits, every, sign) <= STATED[name]


@with_compiler
@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="no arithmetic more precise than float64")
@pytest.mark.parametrize("name", STATED)
def test_float64_at_random(name):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-20, 20, 100_000), rng.standard_normal(100_000), rng.uniform(-700, 700, 100_000)])
    x = np.concatenate([x, rng.choice([-1, 1], 50_000) * 10 ** rng.uniform(-300, 0, 50_000)])
    wide = x.astype(np.longdouble)
    exact = np.logaddexp(0, wide) if name == "softplus" else getattr(np, name)(wide)
    distance = np.abs(applied(name, x) - exact) / np.spacing(np.abs(exact.astype(float)))
    assert 0.5 < np.max(distance) <= STATED[name]


@with_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_limits(dtype):
    """Zeros with their sign, infinities, and what is no number."""
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -1e30, 1e30], dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for name, exact in (("tanh", np.tanh), ("exp", np.exp), ("softplus", lambda x: np.logaddexp(0, x))):
            got, wanted = applied(name, x), exact(x)
            assert np.allclose(got, wanted, rtol=1e-6, atol=0, equal_nan=True)
            assert np.array_equal(np.signbit(got[:4]), np.signbit(wanted[:4]))
