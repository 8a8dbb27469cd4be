"""Gated recurrent units: one memory, which a gate keeps or updates.

Full GRUs come in four forms that are different functions: the reset gate acts *before* the recurrent product,
``U (r * h)``, or *after* it, ``r * (U h + b)``; and z multiplies the candidate (*update*) or the memory (*keep*).
Polarities map onto each other by negating the weights of z, because 1 − σ(a) = σ(−a); before and after do not.

Read next: `derive.architectures.lstm`.
"""

from derive.architectures.entry import Architecture

CHUNG = "Chung, Gülçehre, Cho & Bengio 2014, arXiv 1412.3555, section 3.2 [lit]"
TORCH = "PyTorch nn.GRU, Keras GRU(reset_after=True), cuDNN [code]"
TWO_BIASES = (
    "Only the candidate needs two biases, b_n outside and b_hn inside the reset; frameworks store two for every gate.",
)

FAMILY = (
    Architecture(
        "gru-simplified",
        "Simplified GRU, update gate only",
        "lecture notes after Ng; the minimal gated unit of Zhou et al. 2016, arXiv 1603.09420, without reset [lit]",
        (
            "The notes carry the old candidate, (1 - Γ_u) c̃[t-1]; it is the old memory c[t-1] that is kept.",
            "Names here and in the notes: h is c = a, z is Γ_u, n is c̃.",
        ),
        """
        W_z, W_n : H, D + H
        b_z, b_n : H
        z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
        n[t] = tanh(W_n @ [h[t-1], x[t]] + b_n)
        h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]
        """,
    ),
    Architecture(
        "gru",
        "GRU, reset before the product, update polarity",
        CHUNG,
        ("The notes write a = c̃ and carry c̃[t-1]; the output is a = c, the memory c[t-1] (Γ_u is z, Γ_r is r).",),
        """
        W_z, W_r, W_n : H, D + H
        b_z, b_r, b_n : H
        z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
        r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
        n[t] = tanh(W_n @ [r[t] * h[t-1], x[t]] + b_n)
        h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]
        """,
    ),
    Architecture(
        "gru-cho",
        "GRU, reset before the product, keep polarity",
        "Cho et al. 2014, arXiv 1406.1078v3, equations 5–8 [lit]; Keras reset_after=False, ONNX default [code]",
        ("The paper has no biases; Keras and ONNX add them.",),
        """
        W_z, W_r, W_n : H, D + H
        b_z, b_r, b_n : H
        z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
        r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
        n[t] = tanh(W_n @ [r[t] * h[t-1], x[t]] + b_n)
        h[t] = z[t] * h[t-1] + (1 - z[t]) * n[t]
        """,
    ),
    Architecture(
        "gru-reset-after",
        "GRU, reset after the product, keep polarity",
        TORCH,
        TWO_BIASES,
        """
        W_z, W_r : H, D + H
        W_n : H, D
        U_n : H, H
        b_z, b_r, b_n, b_hn : H
        z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
        r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
        n[t] = tanh(W_n @ x[t] + b_n + r[t] * (U_n @ h[t-1] + b_hn))
        h[t] = (1 - z[t]) * n[t] + z[t] * h[t-1]
        """,
    ),
    Architecture(
        "gru-reset-after-update",
        "GRU, reset after the product, update polarity",
        TORCH + "; with the polarity of Chung et al. 2014, arXiv 1412.3555",
        TWO_BIASES,
        """
        W_z, W_r : H, D + H
        W_n : H, D
        U_n : H, H
        b_z, b_r, b_n, b_hn : H
        z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
        r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
        n[t] = tanh(W_n @ x[t] + b_n + r[t] * (U_n @ h[t-1] + b_hn))
        h[t] = z[t] * n[t] + (1 - z[t]) * h[t-1]
        """,
    ),
)
