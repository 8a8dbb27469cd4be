"""Light recurrence: the state is read by diagonal matrices or not at all, so that matrix products leave the recurrence.

IndRNN, SRU and QRNN; Li-GRU is a GRU without reset gate whose input is normalised over the batch.

Read next: `derive.architectures.highway`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# indrnn: independently recurrent network, ReLU
# Li et al. 2018, arXiv 1803.04831, equation 2
# The Jacobian of a step is diagonal: u * step(…).
W : H, D
u, b : H
h[t] = relu(W @ x[t] + u * h[t-1] + b)

# indrnn-tanh: independently recurrent network, tanh
# Li et al. 2018, arXiv 1803.04831; tanh as in the CUDA library haste
W : H, D
u, b : H
h[t] = tanh(W @ x[t] + u * h[t-1] + b)

# sru: simple recurrent unit
# Lei et al. 2018, arXiv 1709.02755v5, equations 1-4; D = H
# Both gates read the old c[t-1]; alpha scales the highway, so that it keeps the variance of x.
x[t] : H
W, W_f, W_r : H, H
v_f, v_r, b_f, b_r : H
const alpha : scalar
f[t] = sigmoid(W_f @ x[t] + v_f * c[t-1] + b_f)
r[t] = sigmoid(W_r @ x[t] + v_r * c[t-1] + b_r)
c[t] = f[t] * c[t-1] + (1 - f[t]) * (W @ x[t])
h[t] = r[t] * c[t] + (1 - r[t]) * (alpha * x[t])

# sru-wide: simple recurrent unit with a matrix on the highway
# Lei et al. 2018, arXiv 1709.02755v5; the authors' code where D is not H
W, W_f, W_r, W_x : H, D
v_f, v_r, b_f, b_r : H
const alpha : scalar
f[t] = sigmoid(W_f @ x[t] + v_f * c[t-1] + b_f)
r[t] = sigmoid(W_r @ x[t] + v_r * c[t-1] + b_r)
c[t] = f[t] * c[t-1] + (1 - f[t]) * (W @ x[t])
h[t] = r[t] * c[t] + (1 - r[t]) * (alpha * (W_x @ x[t]))

# sru-2017: simple recurrent unit of the first preprint
# Lei & Zhang 2017, arXiv 1709.02755v1; D = H
# The gates do not see the state, and tanh acts on the output.
x[t] : H
W, W_f, W_r : H, H
b_f, b_r : H
f[t] = sigmoid(W_f @ x[t] + b_f)
r[t] = sigmoid(W_r @ x[t] + b_r)
c[t] = f[t] * c[t-1] + (1 - f[t]) * (W @ x[t])
h[t] = r[t] * tanh(c[t]) + (1 - r[t]) * x[t]

# qrnn-f: quasi-recurrent network, width 2, f-pooling
# Bradbury et al. 2017, arXiv 1611.01576, equation 3; with biases
# The authors' code has the other polarity, f * z + (1 - f) * h: negate W_f and b_f.
x[t] : D
W_z, W_f : H, 2*D
b_z, b_f : H
z[t] = tanh(W_z @ [x[t-1], x[t]] + b_z)
f[t] = sigmoid(W_f @ [x[t-1], x[t]] + b_f)
h[t] = f[t] * h[t-1] + (1 - f[t]) * z[t]

# qrnn-fo: quasi-recurrent network, width 2, fo-pooling
# Bradbury et al. 2017, arXiv 1611.01576, equation 4; with biases
x[t] : D
W_z, W_f, W_o : H, 2*D
b_z, b_f, b_o : H
z[t] = tanh(W_z @ [x[t-1], x[t]] + b_z)
f[t] = sigmoid(W_f @ [x[t-1], x[t]] + b_f)
o[t] = sigmoid(W_o @ [x[t-1], x[t]] + b_o)
c[t] = f[t] * c[t-1] + (1 - f[t]) * z[t]
h[t] = o[t] * c[t]

# qrnn-ifo: quasi-recurrent network, width 2, ifo-pooling
# Bradbury et al. 2017, arXiv 1611.01576, equation 5; with biases
x[t] : D
W_z, W_f, W_i, W_o : H, 2*D
b_z, b_f, b_i, b_o : H
z[t] = tanh(W_z @ [x[t-1], x[t]] + b_z)
f[t] = sigmoid(W_f @ [x[t-1], x[t]] + b_f)
i[t] = sigmoid(W_i @ [x[t-1], x[t]] + b_i)
o[t] = sigmoid(W_o @ [x[t-1], x[t]] + b_o)
c[t] = f[t] * c[t-1] + i[t] * z[t]
h[t] = o[t] * c[t]

# li-gru: light GRU, without reset gate, ReLU
# Ravanelli, Brakel, Omologo & Bengio 2018, arXiv 1803.10225, equations 5a-5d; keep polarity
# mu and s, the mean over batch and time and the inverse of the standard deviation, are given, and have no gradient.
W_z, W_n : H, D
U_z, U_n : H, H
gamma_z, gamma_n, beta_z, beta_n : H
const mu_z : H
const s_z : H
const mu_n : H
const s_n : H
z[t] = sigmoid(gamma_z * s_z * (W_z @ x[t] - mu_z) + beta_z + U_z @ h[t-1])
n[t] = relu(gamma_n * s_n * (W_n @ x[t] - mu_n) + beta_n + U_n @ h[t-1])
h[t] = z[t] * h[t-1] + (1 - z[t]) * n[t]
""")
