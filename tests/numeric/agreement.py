"""Kernels compared with the slow evaluator, for the tests of this folder."""

from __future__ import annotations

import numpy as np

from derive.reach import final_positions
from numeric.arithmetic import NUMPY
from numeric.draws import Case
from numeric.gradients import at_positions, gradient, leaves
from numeric.kernel import Kernel, compile_with
from numeric.passes import PASSES
from numeric.reference import evaluate

SYSTEMS = {
    "fed back": """
        h[t] = tanh(W @ [h[t-1], y[t-1]] + b)
        y[t] = V @ h[t] + a
        e[t] = 0.5 * (y[t] - x[t])**2""",
    "scalar": "h[t] = 0.5 * h[t-1] + x[t]",
    "split": "h[t] = tanh(W @ h[t-1] + U @ x[t] + b)",
    "bidirectional": """
        p[t] = tanh(W_p @ p[t-1] + U_p @ x[t] + b_p)
        q[t] = tanh(W_q @ q[t+1] + U_q @ x[t] + b_q)
        m[t] = [p[t], q[t]]
        y[t] = V @ m[t]""",
    "attention": """
        p[t] = tanh(W_p @ p[t-1] + U_p @ x[t] + b_p)
        q[t] = tanh(W_q @ q[t+1] + U_q @ x[t] + b_q)
        m[t] = [p[t], q[t]]
        a[u] = softmax(tanh(U_a @ m[:] + W_a @ s[u-1]).T @ v_a)
        k[u] = m[:] @ a[u]
        s[u] = tanh(W_s @ s[u-1] + C @ k[u])
        s[0] = tanh(W_0 @ q[1])""",
    "lag": "h[t] = tanh(W @ h[t-1] + V @ h[t-2] + U @ x[t-1] + b)",
    "fast-weights": """
        k[t] : K
        v[t] : V
        S[t] = sigmoid(w.T @ k[t]) * S[t-1] + v[t] @ k[t].T
        o[t] = S[t] @ k[t]""",
    "embedding": """
        E : D, V
        j[t] : index V
        h[t] = tanh(W @ h[t-1] + U @ take(E, j[t]))
        y = V_y @ h[T] + c""",
    "python-names": """
        np[t] = tanh(range @ np[t-1] + T @ print[t] + t_ + B[t])
        H[t] = np[t] * np[t-1] + saved""",
    "unicode": "η[t] = tanh(Ω @ η[t-1] + θ * ξ[t])",
    "everything-else": """
        x[t] : D
        a[t] = logsumexp(x[t]) * relu(x[t]) + max(x[t], x[t-1])
        y = sum[t](a[t] * x[t+2]) + a[T-1] * a[2]
        z[t] = [y, a[t], x[T]] * 2
        w[t] = W @ z[t] + stop(rows(z[t], 0:D)) @ sum[t](x[t]).T @ x[t]""",
    "rows": """
        x[t] : D
        W : H + D, H
        h[t] = tanh(rows(W @ h[t-1], D:H + D)) + embed(v.T @ x[t], 0:1, H) * u
        y[t] = [v.T @ x[t], h[t], 1]""",
    "matrices": """
        x[t] : D
        A : D, D
        M[t] = A @ M[t-1] @ A.T + (x[t] @ x[t].T) * s[t]
        s[t] = reduce_to(M[t-1], 1, 1) * 0.1 + v.T @ softmax(A * s[t-1]).T @ x[t] @ v.T @ x[t+1]""",
    "diagonal": """
        x[t] : D
        K[t] = tanh(W @ x[t]) @ stack[t](v.T @ x[t])
        N = sum[t](K[t])
        y[t] = unstack[t](N) + K[t] @ stack[t](v.T @ x[t]).T""",
    "constants": """
        const A : H, D
        dt : scalar
        input g : H
        n = tanh(A @ v) * dt
        h[t] = h[t-1] + dt * (tanh(A @ x[t]) * g + n - h[t-1] * tanh(2))""",
}


def worst_difference(kernel: Kernel, case: Case, *, check_gradient: bool = True) -> float:
    """Largest relative difference of anything a kernel returns."""
    system = kernel.system
    run = kernel.forward(case.parameters, case.inputs, case.initial, case.steps)
    values = evaluate(system, case.parameters, case.inputs, case.initial, case.steps, xp=NUMPY)
    found = [relative(run.outputs[name], values[name], kernel) for name in run.outputs]
    for name in run.final:
        last = at_positions(values, name, tuple(final_positions(system, name)))
        if system.variables[name].classes is not None:
            assert run.final[name].dtype.kind == "i"
            assert np.array_equal(run.final[name], last)
        else:
            found.append(relative(run.final[name], last, kernel))
    if not check_gradient:
        return max(found)
    gradients = kernel.backward(run, case.cotangents, case.final)
    wanted = {}
    if kernel.plan.upstream or kernel.plan.ends:
        seeds = [name for name in case.cotangents if name in kernel.plan.upstream]
        ends = [name for name in case.final if name in kernel.plan.ends]
        wanted = gradient(system, system.adjoint(seeds, final=ends), case)
    groups = {"parameter": gradients.parameters, "input": gradients.inputs, "initial": gradients.initial}
    for kind, name in leaves(system):
        got = groups[kind][name]
        found.append(relative(got, wanted.get((kind, name), np.zeros_like(got)), kernel))
    return max(found)


def relative(got: np.ndarray, wanted: np.ndarray, kernel: Kernel) -> float:
    """Largest difference in units of the largest entry; NaN if either holds one."""
    wanted = np.asarray(wanted)
    assert got.shape == wanted.shape
    assert got.dtype == kernel.dtype
    return float(np.max(np.abs(got - wanted)) / max(1e-3, np.max(np.abs(wanted))))


def kernel_of(system, dtype="float64", outputs=None, passes=PASSES) -> Kernel:
    """A kernel, by all passes if no others are given."""
    return compile_with(system, dtype, outputs, passes)
