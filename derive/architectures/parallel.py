"""Gated recurrences that are linear in their state: gates see the input alone, so all steps can be computed at once.

``h[t] = a[t] * h[t-1] + b[t]`` composes: two steps are again one such step.  h is therefore a scan, or the quotient of
cumulative products and sums, and the adjoint ``dh[t] = a[t+1] * dh[t+1] + up_h[t]`` is one in the other direction.

Read next: `derive.architectures.diagonal`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# mingru: minGRU
# Feng et al. 2024, "Were RNNs all we needed?", arXiv 2410.01201, section 3.1
W_z, W_n : H, D
z[t] = sigmoid(W_z @ x[t])
n[t] = W_n @ x[t]
h[t] = (1 - z[t]) * h[t-1] + z[t] * n[t]

# mingru-log: minGRU with positive candidates, for a scan in logarithms
# Feng et al. 2024, arXiv 2410.01201, appendix B: g(a) = a + 1/2 where a ≥ 0, σ(a) elsewhere
# g is continuous; its slope jumps from 1/4 to 1 at 0, where both relu are taken to have slope 0.
W_z, W_n : H, D
z[t] = sigmoid(W_z @ x[t])
a[t] = W_n @ x[t]
n[t] = relu(a[t]) + sigmoid(-relu(-a[t]))
h[t] = (1 - z[t]) * h[t-1] + z[t] * n[t]

# minlstm: minLSTM, gates of sum 1
# Feng et al. 2024, arXiv 2410.01201, section 3.2
W_f, W_i, W_n : H, D
f[t] = sigmoid(W_f @ x[t])
i[t] = sigmoid(W_i @ x[t])
n[t] = W_n @ x[t]
h[t] = (f[t] * h[t-1] + i[t] * n[t]) / (f[t] + i[t])

# rg-lru: real-gated linear recurrent unit
# De et al. 2024, "Griffin", arXiv 2402.19427, section 2.4, with a = exp(-8 softplus(Λ) r)
# W_a and W_x are block-diagonal there; this is one block. Recurrent width and input have the same size.
# The published code clips the slope of the root at 1000; here the gradient is complete.
W_a, W_x : D, D
b_a, b_x, l : D
r[t] = sigmoid(W_a @ x[t] + b_a)
i[t] = sigmoid(W_x @ x[t] + b_x)
a[t] = exp(-8 * softplus(l) * r[t])
h[t] = a[t] * h[t-1] + sqrt(1 - a[t]**2) * (i[t] * x[t])

# hgrn: HGRN, real
# Qin et al. 2023, arXiv 2311.04823, without rotation, as flash-linear-attention has it
# lb is the lower bound of the forget gate, a cumulative softmax over the layers: 0 in the first, 1 never.
const lb : H
W_f, W_c : H, D
f[t] = lb + (1 - lb) * sigmoid(W_f @ x[t])
h[t] = f[t] * h[t-1] + (1 - f[t]) * silu(W_c @ x[t])

# hgrn-complex: HGRN with rotation, p + i q as a pair
# Qin et al. 2023, arXiv 2311.04823; h[t] = f exp(i θ) h[t-1] + (1 - f) c
const lb : H
W_f, W_p, W_q : H, D
theta : H
f[t] = lb + (1 - lb) * sigmoid(W_f @ x[t])
p[t] = f[t] * (cos(theta) * p[t-1] - sin(theta) * q[t-1]) + (1 - f[t]) * silu(W_p @ x[t])
q[t] = f[t] * (sin(theta) * p[t-1] + cos(theta) * q[t-1]) + (1 - f[t]) * silu(W_q @ x[t])
h[t] = [p[t], q[t]]
""")
