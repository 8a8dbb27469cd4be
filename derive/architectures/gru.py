"""Gated recurrent units: one memory, which a gate keeps or updates.

Full GRUs come in four forms.  The reset gate acts *before* the recurrent product, ``U (r * h)``, or *after* it,
``r * (U h + b)``; and z multiplies the candidate (*update*) or the memory (*keep*).  Polarities map onto each other by
negating the weights of z, since 1 − σ(a) = σ(−a); before and after do not.  Names in the notes: h is c (and a), n is
c̃, z is Γ_u, r is Γ_r.

Read next: `derive.architectures.lstm`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# gru-simplified: simplified GRU, update gate only
# lecture notes after Ng; cf. Zhou et al. 2016, arXiv 1603.09420, whose one gate resets as well
# The notes carry the old candidate, (1 - Γ_u) c̃[t-1], a memory of one step; it is the old memory c[t-1] that is kept.
W_z, W_n : H, D + H
b_z, b_n : H
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
n[t] = tanh(W_n @ [h[t-1], x[t]] + b_n)
h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]

# gru: GRU, reset before the product, update polarity
# Chung, Gülçehre, Cho & Bengio 2014, arXiv 1412.3555, section 3.2
# The notes carry the old candidate c̃[t-1], and end a GRU with a = c̃; the memory c[t-1] is kept, and a = c.
W_z, W_r, W_n : H, D + H
b_z, b_r, b_n : H
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
n[t] = tanh(W_n @ [r[t] * h[t-1], x[t]] + b_n)
h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]

# gru-cho: GRU, reset before the product, keep polarity
# Cho et al. 2014, arXiv 1406.1078, equations 5-8 of v3 (from memory); Keras GRU(reset_after=False), ONNX default
# The paper has no biases; Keras and ONNX add them.
W_z, W_r, W_n : H, D + H
b_z, b_r, b_n : H
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
n[t] = tanh(W_n @ [r[t] * h[t-1], x[t]] + b_n)
h[t] = z[t] * h[t-1] + (1 - z[t]) * n[t]

# gru-reset-after: GRU, reset after the product, keep polarity
# PyTorch nn.GRU, Keras GRU(reset_after=True), cuDNN; the order of arXiv 1406.1078v1, as Keras documents
# Only n needs two biases, b_n outside the reset and b_hn inside; frameworks store two for z and r as well.
W_z, W_r : H, D + H
W_n : H, D
U_n : H, H
b_z, b_r, b_n, b_hn : H
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
n[t] = tanh(W_n @ x[t] + b_n + r[t] * (U_n @ h[t-1] + b_hn))
h[t] = (1 - z[t]) * n[t] + z[t] * h[t-1]

# gru-reset-after-update: GRU, reset after the product, update polarity
# PyTorch nn.GRU with the polarity of Chung et al. 2014, arXiv 1412.3555: negate W_z and b_z to go from one to the other
W_z, W_r : H, D + H
W_n : H, D
U_n : H, H
b_z, b_r, b_n, b_hn : H
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
n[t] = tanh(W_n @ x[t] + b_n + r[t] * (U_n @ h[t-1] + b_hn))
h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]
""")
