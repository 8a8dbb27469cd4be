"""MUT1-3: the three best cells of a search by mutation (Jozefowicz, Zaremba & Sutskever 2015, ICML, PMLR 37).

z multiplies the candidate.  As printed, MUT1 and MUT2 need D = H, since they use x without a matrix; libraries project
it, which gives other models.

Read next: `derive.architectures.light`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# mut1: MUT1, as printed
# Jozefowicz, Zaremba & Sutskever 2015, "An empirical exploration of recurrent network architectures", ICML, PMLR 37
x[t] : H
W_z, W_r, U_r, U_h : H, H
b_z, b_r, b_h : H
z[t] = sigmoid(W_z @ x[t] + b_z)
r[t] = sigmoid(W_r @ x[t] + U_r @ h[t-1] + b_r)
h[t] = tanh(U_h @ (r[t] * h[t-1]) + tanh(x[t]) + b_h) * z[t] + h[t-1] * (1 - z[t])

# mut1-projected: MUT1 with a matrix for the input of the candidate
# Jozefowicz, Zaremba & Sutskever 2015, ICML, PMLR 37; tanh(W_h x) where they have tanh(x), so that D may differ from H
W_z, W_r, W_h : H, D
U_r, U_h : H, H
b_z, b_r, b_h : H
z[t] = sigmoid(W_z @ x[t] + b_z)
r[t] = sigmoid(W_r @ x[t] + U_r @ h[t-1] + b_r)
h[t] = tanh(U_h @ (r[t] * h[t-1]) + tanh(W_h @ x[t]) + b_h) * z[t] + h[t-1] * (1 - z[t])

# mut1-inner-bias: MUT1 with a matrix, the bias inside the inner tanh
# RecurrentLayers.jl MUT1Cell, as its code computes; its documentation has b_h outside, as in mut1-projected
W_z, W_r, W_h : H, D
U_r, U_h : H, H
b_z, b_r, b_h : H
z[t] = sigmoid(W_z @ x[t] + b_z)
r[t] = sigmoid(W_r @ x[t] + U_r @ h[t-1] + b_r)
h[t] = tanh(U_h @ (r[t] * h[t-1]) + tanh(W_h @ x[t] + b_h)) * z[t] + h[t-1] * (1 - z[t])

# mut2: MUT2, as printed
# Jozefowicz, Zaremba & Sutskever 2015, "An empirical exploration of recurrent network architectures", ICML, PMLR 37
# With a matrix for the input of the reset gate, as libraries have it, nothing is left of the mutation: that is gru.
x[t] : H
W_z, U_z, U_r, W_h, U_h : H, H
b_z, b_r, b_h : H
z[t] = sigmoid(W_z @ x[t] + U_z @ h[t-1] + b_z)
r[t] = sigmoid(x[t] + U_r @ h[t-1] + b_r)
h[t] = tanh(U_h @ (r[t] * h[t-1]) + W_h @ x[t] + b_h) * z[t] + h[t-1] * (1 - z[t])

# mut3: MUT3
# Jozefowicz, Zaremba & Sutskever 2015, "An empirical exploration of recurrent network architectures", ICML, PMLR 37
# Every use of x has a matrix, so D may differ from H as it stands.
W_z, W_r, W_h : H, D
U_z, U_r, U_h : H, H
b_z, b_r, b_h : H
z[t] = sigmoid(W_z @ x[t] + U_z @ tanh(h[t-1]) + b_z)
r[t] = sigmoid(W_r @ x[t] + U_r @ h[t-1] + b_r)
h[t] = tanh(U_h @ (r[t] * h[t-1]) + W_h @ x[t] + b_h) * z[t] + h[t-1] * (1 - z[t])
""")
