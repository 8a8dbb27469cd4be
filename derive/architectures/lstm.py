"""Long short-term memory: a cell state c that gates write, keep and read, and an output h.

Gates: f forget, i input, o output; g is the candidate.  Names in the notes: C̃ for g; after Ng, a is h, c̃ is g, and
the gates are Γ_f, Γ_u, Γ_o.

Read next: `derive.architectures.peephole`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# lstm: LSTM with forget gate
# Gers, Schmidhuber & Cummins 2000, Neural Computation 12(10); with tanh as PyTorch and Keras have it
# Gers et al. kept the squashers of 1997. Frameworks differ in the order of the gates (i f g o, i o f c) and in biases.
# The notes box i * g as C, which lacks f * c[t-1]; after Ng they write c̃ for c on the left side and in o * tanh(c).
W_f, W_i, W_g, W_o : H, D + H
b_f, b_i, b_g, b_o : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + b_o)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = o[t] * tanh(c[t])

# lstm-1997: LSTM of 1997, without forget gate
# Hochreiter & Schmidhuber 1997, Neural Computation 9(8), squashers 3-5 of its appendix (from memory)
# The squashers are 4 σ(a) - 2 = 2 tanh(a/2) and 2 σ(c) - 1 = tanh(c/2). A memory block has one cell here.
# The paper truncates: nothing flows back through h[t-1] in the gates, stop(h[t-1]); here the gradient is complete.
W_i, W_g, W_o : H, D + H
b_i, b_g, b_o : H
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + b_i)
g[t] = 4 * sigmoid(W_g @ [h[t-1], x[t]] + b_g) - 2
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + b_o)
c[t] = c[t-1] + i[t] * g[t]
h[t] = o[t] * (2 * sigmoid(c[t]) - 1)
""")
