"""Gated units reduced: fewer gates (MGU, JANET, UGRNN), or gates that read less (GRU1-3, MGU1-3).

What a gate may read: the state, the input and a bias; the state and a bias (1); the state only (2); a bias only (3).

Read next: `derive.architectures.mutations`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# mgu: minimal gated unit
# Zhou, Wu, Zhang & Zhou 2016, arXiv 1603.09420
# One gate forgets and resets.
W_f, W_n : H, D + H
b_f, b_n : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
n[t] = tanh(W_n @ [f[t] * h[t-1], x[t]] + b_n)
h[t] = (1 - f[t]) * h[t-1] + f[t] * n[t]

# mgu1: minimal gated unit, the gate reads the state and a bias
# Heck & Salem 2017, arXiv 1701.03452, MGU1
U_f : H, H
W_n : H, D + H
b_f, b_n : H
f[t] = sigmoid(U_f @ h[t-1] + b_f)
n[t] = tanh(W_n @ [f[t] * h[t-1], x[t]] + b_n)
h[t] = (1 - f[t]) * h[t-1] + f[t] * n[t]

# mgu2: minimal gated unit, the gate reads the state
# Heck & Salem 2017, arXiv 1701.03452, MGU2
U_f : H, H
W_n : H, D + H
b_n : H
f[t] = sigmoid(U_f @ h[t-1])
n[t] = tanh(W_n @ [f[t] * h[t-1], x[t]] + b_n)
h[t] = (1 - f[t]) * h[t-1] + f[t] * n[t]

# mgu3: minimal gated unit, the gate is a bias
# Heck & Salem 2017, arXiv 1701.03452, MGU3
# The gate has no time, so it is written without.
W_n : H, D + H
b_f, b_n : H
f = sigmoid(b_f)
n[t] = tanh(W_n @ [f * h[t-1], x[t]] + b_n)
h[t] = (1 - f) * h[t-1] + f * n[t]

# gru1: GRU, gates read the state and a bias
# Dey & Salem 2017, arXiv 1701.05923, GRU1
# Their GRU0 is gru.
U_z, U_r : H, H
W_n : H, D + H
b_z, b_r, b_n : H
z[t] = sigmoid(U_z @ h[t-1] + b_z)
r[t] = sigmoid(U_r @ h[t-1] + b_r)
n[t] = tanh(W_n @ [r[t] * h[t-1], x[t]] + b_n)
h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]

# gru2: GRU, gates read the state
# Dey & Salem 2017, arXiv 1701.05923, GRU2
U_z, U_r : H, H
W_n : H, D + H
b_n : H
z[t] = sigmoid(U_z @ h[t-1])
r[t] = sigmoid(U_r @ h[t-1])
n[t] = tanh(W_n @ [r[t] * h[t-1], x[t]] + b_n)
h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]

# gru3: GRU, gates are biases
# Dey & Salem 2017, arXiv 1701.05923, GRU3
# The gates have no time, so they are written without.
W_n : H, D + H
b_z, b_r, b_n : H
z = sigmoid(b_z)
r = sigmoid(b_r)
n[t] = tanh(W_n @ [r * h[t-1], x[t]] + b_n)
h[t] = z * n[t] + (1 - z) * h[t-1]

# janet: JANET, an LSTM with a forget gate only
# van der Westhuizen & Lasenby 2018, arXiv 1804.04849
# What is written is less than what is forgotten leaves free: the shift β is 1, as in the paper's experiments.
W_f, W_n : H, D + H
b_f, b_n : H
s[t] = W_f @ [h[t-1], x[t]] + b_f
n[t] = tanh(W_n @ [h[t-1], x[t]] + b_n)
h[t] = sigmoid(s[t]) * h[t-1] + (1 - sigmoid(s[t] - 1)) * n[t]

# ugrnn: update gate RNN
# Collins, Sohl-Dickstein & Sussillo 2017, arXiv 1611.09913; TensorFlow 1 contrib UGRNNCell, forget_bias=1
# Up to the sign of the gate's weights, and the constant 1, this is gru-simplified.
W_g, W_n : H, D + H
b_g, b_n : H
g[t] = sigmoid(W_g @ [h[t-1], x[t]] + b_g + 1)
n[t] = tanh(W_n @ [h[t-1], x[t]] + b_n)
h[t] = g[t] * h[t-1] + (1 - g[t]) * n[t]
""")
