"""Linear attention: a matrix state S to which every step adds an outer product k vᵀ, and which a query reads, Sᵀ q.

S has K rows and V columns.  The members differ in how S decays: not at all, by a constant, or by a gate that the input
sets, one number for each row.  Heads are independent copies; an entry is one head.

Read next: `derive.architectures.stabilised`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# linear-attention: linear attention, φ = elu + 1
# Katharopoulos et al. 2020, arXiv 2006.16236, equations 18-20; φ(a) = a + 1 where a > 0, exp(a) elsewhere
W_q, W_k : K, D
W_v : V, D
a[t] = W_q @ x[t]
b[t] = W_k @ x[t]
q[t] = relu(a[t]) + exp(-relu(-a[t]))
k[t] = relu(b[t]) + exp(-relu(-b[t]))
S[t] = S[t-1] + k[t] @ (W_v @ x[t]).T
z[t] = z[t-1] + k[t]
o[t] = (S[t].T @ q[t]) / (z[t].T @ q[t])

# retnet: retention, with swish gate
# Sun et al. 2023, arXiv 2307.08621, equations 5-8, in recurrent form; γ = 1 - 2⁻⁵⁻ʰ in head h
# R rotates pairs of rows by fixed angles: rotating S here is rotating q[t] and k[t] by t times the angle.
# The published layer normalises groups of o before the gate.
const gamma : scalar
const R : K, K
W_q, W_k : K, D
W_v, W_g : V, D
W_o : D, V
S[t] = gamma * (R @ S[t-1]) + (W_k @ x[t]) @ (W_v @ x[t]).T
o[t] = S[t].T @ (W_q @ x[t])
y[t] = W_o @ (silu(W_g @ x[t]) * o[t])

# gla: gated linear attention
# Yang et al. 2023, arXiv 2312.06635, equations 3-5; α = σ(W_2 W_1 x + b)^(1/16), written as exp(log σ / 16)
# The published layer normalises o and gates it.
W_q, W_k : K, D
W_v : V, D
W_1 : R, D
W_2 : K, R
b : K
a[t] = exp(-softplus(-(W_2 @ W_1 @ x[t] + b)) / 16)
q[t] = W_q @ x[t]
k[t] = W_k @ x[t]
S[t] = a[t] * S[t-1] + k[t] @ (W_v @ x[t]).T
o[t] = S[t].T @ q[t]

# hgrn2: HGRN2, the outer product with 1 - f as key
# Qin et al. 2024, arXiv 2404.07904; lb as in HGRN
const lb : K
W_f, W_q : K, D
W_i : V, D
f[t] = lb + (1 - lb) * sigmoid(W_f @ x[t])
S[t] = f[t] * S[t-1] + (1 - f[t]) @ (W_i @ x[t]).T
o[t] = S[t].T @ silu(W_q @ x[t])

# rwkv-6: RWKV-6, time mixing
# Peng et al. 2024, arXiv 2404.05892, section 4.2; w = exp(-exp(ω)), ω = λ + tanh(A x) B, and u for the current step
# x stands for the mixture with the step before, which is data-dependent there; normalisation of o and gate not written.
W_r, W_k : K, D
W_v : V, D
A : R, D
B : K, R
l, u : K
r[t] = W_r @ x[t]
k[t] = W_k @ x[t]
v[t] = W_v @ x[t]
w[t] = exp(-exp(l + B @ tanh(A @ x[t])))
S[t] = w[t] * S[t-1] + k[t] @ v[t].T
o[t] = S[t-1].T @ r[t] + (r[t].T @ (u * k[t])) * v[t]
""")
