"""LSTMs with a projection, with layer normalisation, and with convolutions in place of products.

Read next: `derive.architectures.minimal`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# lstm-projected: LSTM with recurrent projection
# Sak, Senior & Beaufays 2014, arXiv 1402.1128; as PyTorch LSTM(proj_size=P) has it, without peepholes
# The recurrence reads the P projected outputs; PyTorch has two biases a gate and none in the projection.
W_f, W_i, W_g, W_o : H, D + P
W_h : P, H
b_f, b_i, b_g, b_o : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = W_h @ (o[t] * tanh(c[t]))

# lstm-projected-twice: LSTM with recurrent and non-recurrent projection
# Sak, Senior & Beaufays 2014, arXiv 1402.1128, section 2.2; with diagonal peepholes and a read-out
W_f, W_i, W_g, W_o : H, D + P
b_f, b_i, b_g, b_o, p_f, p_i, p_o : H
W_r : P, H
W_p : K, H
W_y : O, P + K
b_y : O
f[t] = sigmoid(W_f @ [r[t-1], x[t]] + p_f * c[t-1] + b_f)
i[t] = sigmoid(W_i @ [r[t-1], x[t]] + p_i * c[t-1] + b_i)
c[t] = f[t] * c[t-1] + i[t] * tanh(W_g @ [r[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [r[t-1], x[t]] + p_o * c[t] + b_o)
m[t] = o[t] * tanh(c[t])
r[t] = W_r @ m[t]
y[t] = W_y @ [r[t], W_p @ m[t]] + b_y

# lstm-layer-norm: LSTM with layer normalisation
# Ba, Kiros & Hinton 2016, arXiv 1607.06450, equations 20-22; ε = 10⁻⁵ inside the root; rows i, g, f, o
# All 4 H rows are normalised together, with gains for input and state; c is normalised for the output only.
W : 4*H, D
U : 4*H, H
a_x, a_h, b : 4*H
a_c, b_c : H
n = reduce_to(broadcast_to(1, H, 1), 1, 1)
p[t] = W @ x[t] - reduce_to(W @ x[t], 1, 1) / (4 * n)
q[t] = U @ h[t-1] - reduce_to(U @ h[t-1], 1, 1) / (4 * n)
v[t] = a_x * p[t] / sqrt(reduce_to(p[t]**2, 1, 1) / (4 * n) + 0.00001) + b
s[t] = a_h * q[t] / sqrt(reduce_to(q[t]**2, 1, 1) / (4 * n) + 0.00001) + v[t]
c[t] = sigmoid(rows(s[t], 2*H:3*H)) * c[t-1] + sigmoid(rows(s[t], 0:H)) * tanh(rows(s[t], H:2*H))
d[t] = c[t] - reduce_to(c[t], 1, 1) / n
h[t] = sigmoid(rows(s[t], 3*H:4*H)) * tanh(a_c * d[t] / sqrt(reduce_to(d[t]**2, 1, 1) / n + 0.00001) + b_c)

# conv-lstm: convolutional LSTM along one dimension, width 3
# Shi et al. 2015, arXiv 1506.04214, equation 3; columns of x, h and c are N places, rows are channels
# Products of W with [left, here, right] are cross-correlations with zeros beyond the ends; peepholes differ by place.
x[t] : C, N
W_f, W_i, W_g, W_o : F, 3*C + 3*F
p_f, p_i, p_o : F, N
b_f, b_i, b_g, b_o : F
z[t] = [x[t], h[t-1]].T
s[t] = [embed(rows(z[t], 0:N-1), 1:N, N).T, z[t].T, embed(rows(z[t], 1:N), 0:N-1, N).T]
f[t] = sigmoid(W_f @ s[t] + p_f * c[t-1] + b_f)
i[t] = sigmoid(W_i @ s[t] + p_i * c[t-1] + b_i)
c[t] = f[t] * c[t-1] + i[t] * tanh(W_g @ s[t] + b_g)
o[t] = sigmoid(W_o @ s[t] + p_o * c[t] + b_o)
h[t] = o[t] * tanh(c[t])

# conv-lstm-keras: convolutional LSTM of Keras, without peepholes
# Keras ConvLSTM1D(kernel_size=3, padding="same"), after Shi et al. 2015, arXiv 1506.04214
x[t] : C, N
W_f, W_i, W_g, W_o : F, 3*C + 3*F
b_f, b_i, b_g, b_o : F
z[t] = [x[t], h[t-1]].T
s[t] = [embed(rows(z[t], 0:N-1), 1:N, N).T, z[t].T, embed(rows(z[t], 1:N), 0:N-1, N).T]
f[t] = sigmoid(W_f @ s[t] + b_f)
i[t] = sigmoid(W_i @ s[t] + b_i)
c[t] = f[t] * c[t-1] + i[t] * tanh(W_g @ s[t] + b_g)
o[t] = sigmoid(W_o @ s[t] + b_o)
h[t] = o[t] * tanh(c[t])
""")
