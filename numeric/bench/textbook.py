"""Cells as a textbook writes them in NumPy: a product a gate and step, gradients summed up step by step.

The equations are those of `rnn`, `lstm` and `gru-reset-after` in the library, with its names, derived by hand; nothing
of the library runs here.  The forward passes run over `autograd.numpy` as well.

Read next: `numeric.bench.own`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

Arrays = Mapping[str, Any]
Steps = list[tuple[Any, ...]]


def _sigmoid(xp: Any, a: Any) -> Any:
    return 1 / (1 + xp.exp(-a))


def rnn(p: Arrays, x: Any, xp: Any = np) -> tuple[Any, Steps]:
    """h of all steps (T, B, H), and what the backward pass reads."""
    h = np.zeros((x.shape[1], len(p["b_h"])), x.dtype)
    hs, steps = [], []
    for t in range(len(x)):
        u = xp.concatenate([h, x[t]], axis=1)
        h = xp.tanh(u @ p["W_h"].T + p["b_h"])
        hs.append(h)
        steps.append((u, h))
    return xp.stack(hs), steps


def rnn_backward(p: Arrays, steps: Steps, dy: Any) -> dict[str, Any]:
    """Gradients of parameters and x."""
    size = len(p["b_h"])
    d = {name: np.zeros_like(array) for name, array in p.items()}
    dx, dh = [], np.zeros_like(dy[0])
    for t in reversed(range(len(steps))):
        u, h = steps[t]
        da = (dh + dy[t]) * (1 - h**2)
        d["W_h"] += da.T @ u
        d["b_h"] += da.sum(0)
        du = da @ p["W_h"]
        dh = du[:, :size]
        dx.append(du[:, size:])
    return {**d, "x": np.stack(dx[::-1])}


def lstm(p: Arrays, x: Any, xp: Any = np) -> tuple[Any, Steps]:
    """h of all steps (T, B, H), and what the backward pass reads."""
    h = c = np.zeros((x.shape[1], len(p["b_f"])), x.dtype)
    hs, steps = [], []
    for t in range(len(x)):
        u = xp.concatenate([h, x[t]], axis=1)
        f = _sigmoid(xp, u @ p["W_f"].T + p["b_f"])
        i = _sigmoid(xp, u @ p["W_i"].T + p["b_i"])
        g = xp.tanh(u @ p["W_g"].T + p["b_g"])
        o = _sigmoid(xp, u @ p["W_o"].T + p["b_o"])
        before = c
        c = f * c + i * g
        s = xp.tanh(c)
        h = o * s
        hs.append(h)
        steps.append((u, before, f, i, g, o, s))
    return xp.stack(hs), steps


def lstm_backward(p: Arrays, steps: Steps, dy: Any) -> dict[str, Any]:
    """Gradients of parameters and x."""
    size = len(p["b_f"])
    d = {name: np.zeros_like(array) for name, array in p.items()}
    dx, dh, dc = [], np.zeros_like(dy[0]), np.zeros_like(dy[0])
    for t in reversed(range(len(steps))):
        u, before, f, i, g, o, s = steps[t]
        dh = dh + dy[t]
        dc = dc + dh * o * (1 - s**2)
        da = {
            "f": dc * before * f * (1 - f),
            "i": dc * g * i * (1 - i),
            "g": dc * i * (1 - g**2),
            "o": dh * s * o * (1 - o),
        }
        dc = dc * f
        du = np.zeros_like(u)
        for gate, value in da.items():
            d[f"W_{gate}"] += value.T @ u
            d[f"b_{gate}"] += value.sum(0)
            du += value @ p[f"W_{gate}"]
        dh = du[:, :size]
        dx.append(du[:, size:])
    return {**d, "x": np.stack(dx[::-1])}


def gru(p: Arrays, x: Any, xp: Any = np) -> tuple[Any, Steps]:
    """h of all steps (T, B, H), and what the backward pass reads."""
    h = np.zeros((x.shape[1], len(p["b_z"])), x.dtype)
    hs, steps = [], []
    for t in range(len(x)):
        u = xp.concatenate([h, x[t]], axis=1)
        z = _sigmoid(xp, u @ p["W_z"].T + p["b_z"])
        r = _sigmoid(xp, u @ p["W_r"].T + p["b_r"])
        q = h @ p["U_n"].T + p["b_hn"]
        n = xp.tanh(x[t] @ p["W_n"].T + p["b_n"] + r * q)
        before = h
        h = (1 - z) * n + z * h
        hs.append(h)
        steps.append((u, before, x[t], z, r, q, n))
    return xp.stack(hs), steps


def gru_backward(p: Arrays, steps: Steps, dy: Any) -> dict[str, Any]:
    """Gradients of parameters and x."""
    size = len(p["b_z"])
    d = {name: np.zeros_like(array) for name, array in p.items()}
    dx, dh = [], np.zeros_like(dy[0])
    for t in reversed(range(len(steps))):
        u, before, x, z, r, q, n = steps[t]
        dh = dh + dy[t]
        dn = dh * (1 - z) * (1 - n**2)
        dz = dh * (before - n) * z * (1 - z)
        dr = dn * q * r * (1 - r)
        dq = dn * r
        d["W_z"] += dz.T @ u
        d["W_r"] += dr.T @ u
        d["W_n"] += dn.T @ x
        d["U_n"] += dq.T @ before
        for name, value in (("b_z", dz), ("b_r", dr), ("b_n", dn), ("b_hn", dq)):
            d[name] += value.sum(0)
        du = dz @ p["W_z"] + dr @ p["W_r"]
        dh = dh * z + du[:, :size] + dq @ p["U_n"]
        dx.append(du[:, size:] + dn @ p["W_n"])
    return {**d, "x": np.stack(dx[::-1])}


Forward = Callable[..., tuple[Any, Steps]]
Backward = Callable[[Arrays, Steps, Any], dict[str, Any]]
CELLS: Mapping[str, tuple[Forward, Backward]] = MappingProxyType(
    {"rnn": (rnn, rnn_backward), "lstm": (lstm, lstm_backward), "gru-reset-after": (gru, gru_backward)}
)
