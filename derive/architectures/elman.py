"""Simple recurrent networks (Elman 1990): the state is a nonlinearity of the last state and the input.

``W_h @ [h[t-1], x[t]]`` is ``W_hh @ h[t-1] + W_hx @ x[t]``: the two matrices of papers and frameworks, side by side.

Read next: `derive.architectures.jordan`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# rnn: Elman network, tanh
# Elman 1990, "Finding structure in time", Cognitive Science 14; PyTorch nn.RNN, Keras SimpleRNN
# The notes call the stacked matrix [W_a | W_x]; its blocks are W_aa and W_ax. Steps are t = 1…T, and a[0] = 0.
W_h : H, D + H
b_h : H
h[t] = tanh(W_h @ [h[t-1], x[t]] + b_h)

# rnn-sigmoid: Elman network, sigmoid
# Elman 1990, "Finding structure in time", Cognitive Science 14
# The notes put the sigmoid's derivative in (0, 1); it lies in (0, 1/4], and a step shrinks gradients to ∥W∥/4 or less.
W_h : H, D + H
b_h : H
h[t] = sigmoid(W_h @ [h[t-1], x[t]] + b_h)

# rnn-relu: Elman network, ReLU
# Le, Jaitly & Hinton 2015, arXiv 1504.00941: IRNN, with the block that acts on h[t-1] initialised to I
# The notes let ReLU's derivative exceed 1; it is 0 or 1 (0 at the kink), and gradients explode through ∥W∥ > 1.
W_h : H, D + H
b_h : H
h[t] = relu(W_h @ [h[t-1], x[t]] + b_h)

# rnn-nobias: Elman network, tanh, two matrices, no bias
# Elman 1990, "Finding structure in time", Cognitive Science 14; PyTorch bias=False, Keras use_bias=False
W_h : H, H
W_x : H, D
h[t] = tanh(W_h @ h[t-1] + W_x @ x[t])

# rnn-readout: Elman network, linear read-out
# Elman 1990, "Finding structure in time", Cognitive Science 14
# The read-out sees h[t], not h[t-1]. The notes' g in yhat = g(W_ya a + b_y), sigmoid or softmax, acts on o.
W_h : H, D + H
b_h : H
Q : O, H
q : O
h[t] = tanh(W_h @ [h[t-1], x[t]] + b_h)
o[t] = Q @ h[t] + q
""")
