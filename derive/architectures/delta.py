"""The delta rule: a matrix state corrected towards what it should have answered, S += β k (v − Sᵀ k)ᵀ.

The step is one of gradient descent on ½ |Sᵀ k − v|², so that the state learns while the network runs; its transition,
I − β k kᵀ, is a matrix of its own at every step, and such matrices do not commute.  With another loss the inner
gradient is another formula: TTT-linear's goes through a layer normalisation.

Read next: `derive.library`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# deltanet: DeltaNet
# Schlag, Irie & Schmidhuber 2021, arXiv 2102.11174, equations 23-25
# Queries and keys as in Yang et al. 2024, arXiv 2406.06484: silu, then length 1; 2 σ in place of σ is a variant of β.
W_q, W_k : K, D
W_v : V, D
w_b : D
a[t] = silu(W_q @ x[t])
b[t] = silu(W_k @ x[t])
q[t] = a[t] / sqrt(a[t].T @ a[t])
k[t] = b[t] / sqrt(b[t].T @ b[t])
beta[t] = sigmoid(w_b.T @ x[t])
S[t] = S[t-1] + beta[t] * (k[t] @ (W_v @ x[t] - S[t-1].T @ k[t]).T)
o[t] = S[t].T @ q[t]

# gated-deltanet: Gated DeltaNet
# Yang, Kautz & Hatamizadeh 2024, arXiv 2412.06464, equation 10; α = exp(-exp(A) softplus(w x + dt))
# The published layer has convolutions before q, k and v, and normalises and gates o.
W_q, W_k : K, D
W_v : V, D
w_b, w_a : D
A, dt : scalar
a[t] = silu(W_q @ x[t])
b[t] = silu(W_k @ x[t])
q[t] = a[t] / sqrt(a[t].T @ a[t])
k[t] = b[t] / sqrt(b[t].T @ b[t])
alpha[t] = exp(-exp(A) * softplus(w_a.T @ x[t] + dt))
P[t] = alpha[t] * S[t-1]
S[t] = P[t] + sigmoid(w_b.T @ x[t]) * (k[t] @ (silu(W_v @ x[t]) - P[t].T @ k[t]).T)
o[t] = S[t].T @ q[t]

# rwkv-7: RWKV-7, time mixing
# Peng et al. 2025, arXiv 2503.14456, section 4; S[t] = S[t-1] (diag(w) - κ (a κ)ᵀ) + v kᵀ, w = exp(-exp(-1/2) σ(d))
# x stands for the mixture with the step before, and W_w, W_a have low rank there; what follows y is not written.
W_r, W_w, W_k, W_a : K, D
W_v : V, D
b_w, b_a, m_k, m_a : K
w[t] = exp(-exp(-1/2) * sigmoid(W_w @ x[t] + b_w))
a[t] = sigmoid(W_a @ x[t] + b_a)
k[t] = W_k @ x[t]
c[t] = k[t] * m_k / sqrt((k[t] * m_k).T @ (k[t] * m_k))
e[t] = k[t] * (1 + (a[t] - 1) * m_a)
S[t] = S[t-1] * w[t].T - (S[t-1] @ c[t]) @ (c[t] * a[t]).T + (W_v @ x[t]) @ e[t].T
y[t] = S[t] @ (W_r @ x[t])

# ttt-linear: TTT-linear, one token at a time; the inner gradient g goes through the normalisation
# Sun et al. 2024, arXiv 2407.04620, section 2.7; inner loss ½ |LN(Sᵀ k + b) - (v - k)|², rate σ(w_e x) / D
const eps : scalar
W_q, W_k, W_v : D, D
w, a, w_e : D
n = reduce_to(broadcast_to(1, D, 1), 1, 1)
k[t] = W_k @ x[t]
c[t] = S[t-1].T @ k[t] + b[t-1] - reduce_to(S[t-1].T @ k[t] + b[t-1], 1, 1) / n
s[t] = sqrt((c[t].T @ c[t]) / n + eps)
r[t] = w * (w * c[t] / s[t] + a - (W_v @ x[t] - k[t]))
g[t] = (r[t] - reduce_to(r[t], 1, 1) / n - c[t] * (r[t].T @ c[t]) / (n * s[t]**2)) / s[t]
S[t] = S[t-1] - sigmoid(w_e.T @ x[t]) / n * (k[t] @ g[t].T)
b[t] = b[t-1] - sigmoid(w_e.T @ x[t]) / n * g[t]
d[t] = S[t].T @ (W_q @ x[t]) + b[t] - reduce_to(S[t].T @ (W_q @ x[t]) + b[t], 1, 1) / n
y[t] = W_q @ x[t] + w * d[t] / sqrt((d[t].T @ d[t]) / n + eps) + a
""")
