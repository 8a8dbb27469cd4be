"""Several time scales: parts of the state that change slowly, or remember through a fixed linear filter.

Read next: `derive.architectures.dynamics`.
"""

from itertools import product

import sympy

from derive.architectures.entry import family

FAMILY = family("""
# clockwork: clockwork RNN, three modules
# Koutník, Greff, Gomez & Schmidhuber 2014, arXiv 1402.3511; modules p, q, r of K units each, from fast to slow
# k_q[t] is 1 where t mod T_q = 0, and 0 elsewhere; T_p = 1, and 2, 4 in the paper. An idle module keeps its state.
# A module reads itself and slower ones. Clocks are data, without gradient.
k_q[t], k_r[t] : scalar
W_p : K, D + 3*K
W_q : K, D + 2*K
W_r : K, D + K
b_p, b_q, b_r : K
p[t] = tanh(W_p @ [p[t-1], q[t-1], r[t-1], x[t]] + b_p)
q[t] = stop(k_q[t]) * tanh(W_q @ [q[t-1], r[t-1], x[t]] + b_q) + (1 - stop(k_q[t])) * q[t-1]
r[t] = stop(k_r[t]) * tanh(W_r @ [r[t-1], x[t]] + b_r) + (1 - stop(k_r[t])) * r[t-1]
h[t] = [p[t], q[t], r[t]]

# scrn: structurally constrained recurrent network
# Mikolov, Joulin, Chopra, Mathieu & Ranzato 2014, arXiv 1412.7753, equations 4-6, α = 0.95
B : K, D
P : H, K
A : H, D
R : H, H
U : O, H
V : O, K
s[t] = 0.05 * (B @ x[t]) + 0.95 * s[t-1]
h[t] = sigmoid(P @ s[t] + A @ x[t] + R @ h[t-1])
y[t] = softmax(U @ h[t] + V @ s[t])

# scrn-learned: structurally constrained recurrent network, a learned rate for each slow unit
# Mikolov, Joulin, Chopra, Mathieu & Ranzato 2014, arXiv 1412.7753, section 3.3: α = σ(b), between 0 and 1
B : K, D
P : H, K
A : H, D
R : H, H
U : O, H
V : O, K
b : K
alpha = sigmoid(b)
s[t] = (1 - alpha) * (B @ x[t]) + alpha * s[t-1]
h[t] = sigmoid(P @ s[t] + A @ x[t] + R @ h[t-1])
y[t] = softmax(U @ h[t] + V @ s[t])

# lmu: Legendre memory unit
# Voelker, Kajić & Eliasmith 2019, NeurIPS, equations 1-7; θ fixed
# A and B are given: exp(A' dt) and A'⁻¹ (A - I) B', or I + A' dt and B' dt; `legendre` gives A' and B'.
e_x : D
e_h : H
e_m : N
const A : N, N
const B : N
W_x : H, D
W_h : H, H
W_m : H, N
u[t] = e_x.T @ x[t] + e_h.T @ h[t-1] + e_m.T @ m[t-1]
m[t] = A @ m[t-1] + B * u[t]
h[t] = tanh(W_x @ x[t] + W_h @ h[t-1] + W_m @ m[t])
""")


def legendre(order: int, theta: sympy.Expr | float = 1) -> tuple[sympy.Matrix, sympy.Matrix]:
    """The memory of a Legendre memory unit in continuous time, dm/dt = A' m + B' u.

    Args:
        order: N, how many Legendre polynomials.
        theta: length of the window, in steps.

    Returns:
        A': (N, N) and B': (N, 1), Voelker et al. 2019, equation 2.

    Raises:
        ValueError: for an order below 1.
    """
    if order < 1:
        raise ValueError(f"a memory of order {order}: at least 1")
    a, b = sympy.zeros(order, order), sympy.zeros(order, 1)
    for i, j in product(range(order), repeat=2):
        a[i, j] = sympy.Integer(2 * i + 1) / theta * (-1 if i < j else (-1) ** (i - j + 1))
        b[i] = sympy.Integer(2 * i + 1) / theta * (-1) ** i
    return a, b
