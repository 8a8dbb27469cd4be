"""Discretised differential equations: a step is a small one, and its Jacobian stays near the identity.

Read next: `derive.architectures.parallel`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# antisymmetric: antisymmetric RNN
# Chang, Chen, Haber & Chi 2019, arXiv 1902.09689, equation 10; a forward Euler step of size eps
# Only W - W' acts, of H (H - 1) / 2 free numbers, by which the paper counts; W has H².
W : H, H
V : H, D
b : H
const eps : scalar
const gamma : scalar
h[t] = h[t-1] + eps * tanh((W - W.T) @ h[t-1] - gamma * h[t-1] + V @ x[t] + b)

# antisymmetric-gated: antisymmetric RNN with a gate
# Chang, Chen, Haber & Chi 2019, arXiv 1902.09689, equations 11-12
# The gate shares the recurrent matrix.
W : H, H
V, V_z : H, D
b, b_z : H
const eps : scalar
const gamma : scalar
s[t] = (W - W.T) @ h[t-1] - gamma * h[t-1]
z[t] = sigmoid(s[t] + V_z @ x[t] + b_z)
h[t] = h[t-1] + eps * z[t] * tanh(s[t] + V @ x[t] + b)

# cornn: coupled oscillatory RNN, explicit damping
# Rusch & Mishra 2021, arXiv 2010.00951, equation 3, and the authors' code
# y[t] reads the new z[t].
W_y, W_z : H, H
V : H, D
b : H
const dt : scalar
const gamma : scalar
const eps : scalar
z[t] = z[t-1] + dt * (tanh(W_y @ y[t-1] + W_z @ z[t-1] + V @ x[t] + b) - gamma * y[t-1] - eps * z[t-1])
y[t] = y[t-1] + dt * z[t]

# cornn-implicit: coupled oscillatory RNN, implicit damping
# Rusch & Mishra 2021, arXiv 2010.00951, equation 3, damped by the new z[t]: solved for it
W_y, W_z : H, H
V : H, D
b : H
const dt : scalar
const gamma : scalar
const eps : scalar
a[t] = tanh(W_y @ y[t-1] + W_z @ z[t-1] + V @ x[t] + b)
z[t] = (z[t-1] + dt * (a[t] - gamma * y[t-1])) / (1 + dt * eps)
y[t] = y[t-1] + dt * z[t]

# lem: long expressive memory
# Rusch, Mishra, Erichson & Mahoney 2022, arXiv 2110.04744, equation 3
# The authors' Python cell has a second, redundant bias in each of the four; its CUDA kernel does not.
W_1, W_2, W_z, W_y : H, D + H
b_1, b_2, b_z, b_y : H
const dt : scalar
p[t] = dt * sigmoid(W_1 @ [y[t-1], x[t]] + b_1)
q[t] = dt * sigmoid(W_2 @ [y[t-1], x[t]] + b_2)
z[t] = (1 - p[t]) * z[t-1] + p[t] * tanh(W_z @ [y[t-1], x[t]] + b_z)
y[t] = (1 - q[t]) * y[t-1] + q[t] * tanh(W_y @ [z[t], x[t]] + b_y)
""")
