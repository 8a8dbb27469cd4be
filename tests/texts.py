"""Texts of systems that several tests read, each in one place."""

RNN = "h[t] = tanh(W @ h[t-1] + U @ x[t] + b)"
LSTM = """
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
"""
GRU_AFTER = """
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
n[t] = tanh(W_n @ x[t] + b_n + r[t] * (U_n @ h[t-1] + b_hn))
h[t] = (1 - z[t]) * n[t] + z[t] * h[t-1]
"""
ATTENTION = """
p[t] = tanh(W_p @ p[t-1] + U_p @ x[t])
q[t] = tanh(W_q @ q[t+1] + U_q @ x[t])
m[t] = [p[t], q[t]]
a[u] = softmax(tanh(U_a @ m[:] + W_a @ s[u-1]).T @ v_a)
s[u] = tanh(W_s @ s[u-1] + C @ m[:] @ a[u])
s[0] = tanh(W_0 @ q[1])
"""
