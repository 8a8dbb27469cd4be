"""LSTM with peepholes: gates that also see the cell state.  Three different models go by this name.

Read next: `derive.library`.
"""

from derive.architectures.entry import Architecture

GERS = "Gers, Schraudolph & Schmidhuber 2002, JMLR 3"

FAMILY = (
    Architecture(
        "lstm-peephole",
        "LSTM with diagonal peepholes, o sees c[t]",
        f"Gers & Schmidhuber 2000, IJCNN; {GERS}; Greff et al. 2015, arXiv 1503.04069, section II [lit]; ONNX [run]",
        ("The output gate reads the new c[t], so its peephole enters the cotangent of c at the same step.",),
        """
        W_f, W_i, W_g, W_o : H, D + H
        b_f, b_i, b_g, b_o, p_f, p_i, p_o : H
        f[t] = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)
        i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
        g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
        c[t] = f[t] * c[t-1] + i[t] * g[t]
        o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t] + b_o)
        h[t] = o[t] * tanh(c[t])
        """,
    ),
    Architecture(
        "lstm-peephole-prev",
        "LSTM with diagonal peepholes, o sees c[t-1]",
        f"found in code; differs from {GERS} in the output gate [lit]",
        ("The output gate reads the old c[t-1], as all gates of the notes do, but with diagonal weights.",),
        """
        W_f, W_i, W_g, W_o : H, D + H
        b_f, b_i, b_g, b_o, p_f, p_i, p_o : H
        f[t] = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)
        i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
        g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
        o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t-1] + b_o)
        c[t] = f[t] * c[t-1] + i[t] * g[t]
        h[t] = o[t] * tanh(c[t])
        """,
    ),
    Architecture(
        "lstm-peephole-full",
        "LSTM with full peepholes, in the concatenation",
        "lecture notes after Ng; Gers & Schmidhuber 2000, ONNX and TensorFlow have diagonal peepholes [lit, code]",
        (
            "The notes end with a = Γ_o c̃; the output is o tanh(c), never the candidate (o c is the NOAF of Greff et al.).",
            "All three gates read c[t-1], the output gate too; the candidate has no peephole.",
        ),
        """
        W_f, W_i, W_o : H, D + 2*H
        W_g : H, D + H
        b_f, b_i, b_g, b_o : H
        f[t] = sigmoid(W_f @ [h[t-1], x[t], c[t-1]] + b_f)
        i[t] = sigmoid(W_i @ [h[t-1], x[t], c[t-1]] + b_i)
        g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
        o[t] = sigmoid(W_o @ [h[t-1], x[t], c[t-1]] + b_o)
        c[t] = f[t] * c[t-1] + i[t] * g[t]
        h[t] = o[t] * tanh(c[t])
        """,
    ),
)
