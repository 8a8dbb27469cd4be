"""LSTM with peepholes: gates that also see the cell state.  Three different models go by this name.

Read next: `derive.architectures.greff`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# lstm-peephole: LSTM with diagonal peepholes, o sees c[t]
# Gers & Schmidhuber 2000, IJCNN; Gers et al. 2002, JMLR 3; Greff et al. 2015, arXiv 1503.04069; ONNX
# The output gate reads the new c[t]: its peephole enters the cotangent of c at the same step.
W_f, W_i, W_g, W_o : H, D + H
b_f, b_i, b_g, b_o, p_f, p_i, p_o : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
c[t] = f[t] * c[t-1] + i[t] * g[t]
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t] + b_o)
h[t] = o[t] * tanh(c[t])

# lstm-peephole-prev: LSTM with diagonal peepholes, o sees c[t-1]
# found in code; Gers et al. 2002, JMLR 3, differ in the output gate
# The output gate reads the old c[t-1], as in the notes, but through a diagonal matrix.
W_f, W_i, W_g, W_o : H, D + H
b_f, b_i, b_g, b_o, p_f, p_i, p_o : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t-1] + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])

# lstm-peephole-full: LSTM with full peepholes, in the concatenation
# lecture notes after Ng; peepholes of Gers & Schmidhuber 2000, ONNX and TensorFlow are diagonal [lit, code]
# The notes end with a = Γ_o c̃; the output is o * tanh(c), never the candidate (o * c is NOAF of arXiv 1503.04069).
# All three gates read the old c[t-1], the output gate too; the candidate has no peephole.
W_f, W_i, W_o : H, D + 2*H
W_g : H, D + H
b_f, b_i, b_g, b_o : H
f[t] = sigmoid(W_f @ [h[t-1], x[t], c[t-1]] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t], c[t-1]] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [h[t-1], x[t], c[t-1]] + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])
""")
