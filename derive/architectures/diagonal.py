"""State spaces with a diagonal transition: constant and complex (LRU, S4D), or chosen by the input (Mamba).

Complex numbers are pairs of real ones: p + i q for the state, ``_re`` and ``_im`` for parameters.  The transition is
exp of something with negative real part, so it is smaller than 1 whatever the parameters are.

Read next: `derive.architectures.outer`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# lru: linear recurrent unit
# Orvieto et al. 2023, arXiv 2303.06349; λ = exp(-exp(ν) + i exp(θ)), h[t] = λ h[t-1] + exp(γ) B x, y = Re(C h) + d x
# γ starts as log √(1 - |λ|²), and is learned.
nu, theta, gamma : N
B_re, B_im : N, D
C_re, C_im : D, N
d : D
a_re = exp(-exp(nu)) * cos(exp(theta))
a_im = exp(-exp(nu)) * sin(exp(theta))
p[t] = a_re * p[t-1] - a_im * q[t-1] + exp(gamma) * (B_re @ x[t])
q[t] = a_im * p[t-1] + a_re * q[t-1] + exp(gamma) * (B_im @ x[t])
y[t] = C_re @ p[t] - C_im @ q[t] + d * x[t]

# s4d: S4D, zero-order hold
# Gu et al. 2022, arXiv 2206.11893; A = -exp(a) + i w, B = 1, dt = exp(s), N conjugate pairs in each of D channels
# Ā = exp(dt A), B̄ = (Ā - 1) / A, y = 2 Re(C h) + d x; the division is written out with |A|².
x[t] : D
a, w, C_re, C_im : D, N
s, d : D
r = exp(-exp(s) * exp(a))
a_re = r * cos(exp(s) * w)
a_im = r * sin(exp(s) * w)
b_re = (a_im * w - (a_re - 1) * exp(a)) / (exp(a)**2 + w**2)
b_im = -((a_re - 1) * w + a_im * exp(a)) / (exp(a)**2 + w**2)
p[t] = a_re * p[t-1] - a_im * q[t-1] + b_re * x[t]
q[t] = a_im * p[t-1] + a_re * q[t-1] + b_im * x[t]
y[t] = 2 * reduce_to(C_re * p[t] - C_im * q[t], D, 1) + d * x[t]

# mamba: Mamba, selective scan (S6)
# Gu & Dao 2023, arXiv 2312.00752, algorithm 2 and section 3.4; A = -exp(a), B̄ = δ B although Ā = exp(δ A)
# The gate silu(W_g x) is that of the block; its convolution is not written, and W_s has low rank there.
a : D, N
W_s, W_g : D, D
b_s, d : D
W_B, W_C : N, D
s[t] = softplus(W_s @ x[t] + b_s)
S[t] = exp(-s[t] * exp(a)) * S[t-1] + (s[t] * x[t]) @ (W_B @ x[t]).T
y[t] = S[t] @ (W_C @ x[t]) + d * x[t]
h[t] = y[t] * silu(W_g @ x[t])

# mamba-2: Mamba-2, one scalar decay a head, gated RMSNorm
# Dao & Gu 2024, arXiv 2405.21060, section 7; one head of P channels, ε 10⁻⁵ in the code
const eps : scalar
a, b_s, d : scalar
w_s : D
W_B, W_C : N, D
W_x, W_g : P, D
w : P
n = reduce_to(broadcast_to(1, P, 1), 1, 1)
s[t] = softplus(w_s.T @ x[t] + b_s)
u[t] = W_x @ x[t]
S[t] = exp(-s[t] * exp(a)) * S[t-1] + (W_B @ x[t]) @ (s[t] * u[t]).T
y[t] = (S[t].T @ (W_C @ x[t]) + d * u[t]) * silu(W_g @ x[t])
h[t] = w * y[t] / sqrt((y[t].T @ y[t]) / n + eps)
""")
