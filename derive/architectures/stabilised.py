"""Exponential gates with a stabiliser: m is the largest exponent so far, and numerator and denominator are scaled by
exp(-m), so that nothing overflows.  What is read is their quotient, which does not depend on m: ∂L/∂m = 0, shown by
`derive.invariance`.

Read next: `derive.architectures.delta`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# slstm: sLSTM, exponential input gate, with stabiliser
# Beck et al. 2024, "xLSTM", arXiv 2405.04517, equations 8-17, forget gate σ
# Recurrent weights are block-diagonal, one block a head; this is one head. The published code has m[1] = a[1].
# Started at 0 (c, n, m), h does not depend on m, and |h| < 1 since |c| ≤ n.
W_i, W_f, W_z, W_o : H, D + H
b_i, b_f, b_z, b_o : H
a[t] = W_i @ [h[t-1], x[t]] + b_i
l[t] = -softplus(-(W_f @ [h[t-1], x[t]] + b_f))
m[t] = max(l[t] + m[t-1], a[t])
f[t] = exp(l[t] + m[t-1] - m[t])
i[t] = exp(a[t] - m[t])
c[t] = f[t] * c[t-1] + i[t] * tanh(W_z @ [h[t-1], x[t]] + b_z)
n[t] = f[t] * n[t-1] + i[t]
h[t] = sigmoid(W_o @ [h[t-1], x[t]] + b_o) * c[t] / n[t]

# mlstm: mLSTM, matrix memory, with stabiliser
# Beck et al. 2024, arXiv 2405.04517, equations 19-27; one head, the factor 1/√K of keys is in W_k
W_q, W_k : K, D
W_v, W_o : V, D
w_i, w_f : D
b_i, b_f : scalar
q[t] = W_q @ x[t]
k[t] = W_k @ x[t]
a[t] = w_i.T @ x[t] + b_i
l[t] = -softplus(-(w_f.T @ x[t] + b_f))
m[t] = max(l[t] + m[t-1], a[t])
f[t] = exp(l[t] + m[t-1] - m[t])
C[t] = f[t] * C[t-1] + exp(a[t] - m[t]) * (k[t] @ (W_v @ x[t]).T)
n[t] = f[t] * n[t-1] + exp(a[t] - m[t]) * k[t]
h[t] = sigmoid(W_o @ x[t]) * (C[t].T @ q[t]) / max(abs(q[t].T @ n[t]), exp(-m[t]))

# rwkv-4: RWKV-4, time mixing, with stabilisers
# Peng et al. 2023, arXiv 2305.13048, section 3.1 and appendix D; decay -exp(w) a step, bonus u for the current one
W_k, W_v, W_r : H, D
W_o : D, H
mu_k, mu_v, mu_r : D
u, w : H
k[t] = W_k @ (mu_k * x[t] + (1 - mu_k) * x[t-1])
v[t] = W_v @ (mu_v * x[t] + (1 - mu_v) * x[t-1])
m[t] = max(o[t-1], u + k[t])
e[t] = exp(o[t-1] - m[t])
s[t] = (e[t] * p[t-1] + exp(u + k[t] - m[t]) * v[t]) / (e[t] * q[t-1] + exp(u + k[t] - m[t]))
o[t] = max(o[t-1] - exp(w), k[t])
p[t] = exp(o[t-1] - exp(w) - o[t]) * p[t-1] + exp(k[t] - o[t]) * v[t]
q[t] = exp(o[t-1] - exp(w) - o[t]) * q[t-1] + exp(k[t] - o[t])
y[t] = W_o @ (sigmoid(W_r @ (mu_r * x[t] + (1 - mu_r) * x[t-1])) * s[t])
""")
