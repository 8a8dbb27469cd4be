"""Variants of the LSTM: "A search space odyssey" (Greff et al. 2015, arXiv 1503.04069), each one change to V.

V itself (vanilla, with diagonal peepholes; o sees the new c) is ``lstm-peephole``, and NP (no peepholes) is ``lstm``.
Names in the paper: z is g here, y is h, p are peepholes; N blocks are H units, M inputs are D.

Read next: `derive.architectures.lstm_extended`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# lstm-nig: LSTM without input gate (NIG)
# Greff et al. 2015, arXiv 1503.04069, appendix A
W_f, W_g, W_o : H, D + H
b_f, b_g, b_o, p_f, p_o : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
c[t] = f[t] * c[t-1] + g[t]
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t] + b_o)
h[t] = o[t] * tanh(c[t])

# lstm-nfg: LSTM without forget gate (NFG)
# Greff et al. 2015, arXiv 1503.04069, appendix A
# With peepholes, and with tanh where the LSTM of 1997 has wider squashers.
W_i, W_g, W_o : H, D + H
b_i, b_g, b_o, p_i, p_o : H
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
c[t] = c[t-1] + i[t] * g[t]
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t] + b_o)
h[t] = o[t] * tanh(c[t])

# lstm-nog: LSTM without output gate (NOG)
# Greff et al. 2015, arXiv 1503.04069, appendix A
W_f, W_i, W_g : H, D + H
b_f, b_i, b_g, p_f, p_i : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
c[t] = f[t] * c[t-1] + i[t] * g[t]
h[t] = tanh(c[t])

# lstm-niaf: LSTM without input activation function (NIAF)
# Greff et al. 2015, arXiv 1503.04069, appendix A
W_f, W_i, W_g, W_o : H, D + H
b_f, b_i, b_g, b_o, p_f, p_i, p_o : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
g[t] = W_g @ [h[t-1], x[t]] + b_g
c[t] = f[t] * c[t-1] + i[t] * g[t]
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t] + b_o)
h[t] = o[t] * tanh(c[t])

# lstm-noaf: LSTM without output activation function (NOAF)
# Greff et al. 2015, arXiv 1503.04069, appendix A
# The output grows with c[t], which nothing bounds.
W_f, W_i, W_g, W_o : H, D + H
b_f, b_i, b_g, b_o, p_f, p_i, p_o : H
f[t] = sigmoid(W_f @ [h[t-1], x[t]] + p_f * c[t-1] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
c[t] = f[t] * c[t-1] + i[t] * g[t]
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t] + b_o)
h[t] = o[t] * c[t]

# lstm-cifg: LSTM with coupled input and forget gate (CIFG)
# Greff et al. 2015, arXiv 1503.04069, appendix A
W_i, W_g, W_o : H, D + H
b_i, b_g, b_o, p_i, p_o : H
i[t] = sigmoid(W_i @ [h[t-1], x[t]] + p_i * c[t-1] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
c[t] = (1 - i[t]) * c[t-1] + i[t] * g[t]
o[t] = sigmoid(W_o @ [h[t-1], x[t]] + p_o * c[t] + b_o)
h[t] = o[t] * tanh(c[t])

# lstm-fgr: LSTM with full gate recurrence (FGR)
# Greff et al. 2015, arXiv 1503.04069, appendix A
# Every gate reads all three gates of the step before, so that the state is (h, c, f, i, o).
W_f, W_i, W_o : H, D + 4*H
W_g : H, D + H
b_f, b_i, b_g, b_o, p_f, p_i, p_o : H
f[t] = sigmoid(W_f @ [h[t-1], i[t-1], f[t-1], o[t-1], x[t]] + p_f * c[t-1] + b_f)
i[t] = sigmoid(W_i @ [h[t-1], i[t-1], f[t-1], o[t-1], x[t]] + p_i * c[t-1] + b_i)
g[t] = tanh(W_g @ [h[t-1], x[t]] + b_g)
c[t] = f[t] * c[t-1] + i[t] * g[t]
o[t] = sigmoid(W_o @ [h[t-1], i[t-1], f[t-1], o[t-1], x[t]] + p_o * c[t] + b_o)
h[t] = o[t] * tanh(c[t])
""")
