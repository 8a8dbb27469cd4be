"""Simple recurrent networks (Elman 1990): the state is a nonlinearity of the last state and the input.

``[W_aa | W_ax]`` side by side is the ``W_h`` here: ``W_h @ [h[t-1], x[t]]`` equals ``W_aa @ h[t-1] + W_ax @ x[t]``.

Read next: `derive.architectures.jordan`.
"""

from derive.architectures.entry import Architecture

ELMAN = 'Elman 1990, "Finding structure in time", Cognitive Science 14 [lit]'

FAMILY = (
    Architecture(
        "rnn",
        "Elman network, tanh",
        ELMAN,
        (
            "PyTorch nn.RNN and Keras SimpleRNN; PyTorch adds a second, redundant bias [code].",
            "The notes call the stacked matrix [W_a | W_x]; its blocks are W_aa and W_ax. Steps are t = 1…T, h[0] = 0.",
        ),
        """
        W_h : H, D + H
        b_h : H
        h[t] = tanh(W_h @ [h[t-1], x[t]] + b_h)
        """,
    ),
    Architecture(
        "rnn-sigmoid",
        "Elman network, sigmoid",
        ELMAN + "; the encoder of sequence-to-sequence lecture notes",
        ("The notes put the derivative of the sigmoid in (0, 1); its range is (0, 1/4], so a step shrinks ∥W∥ by 4.",),
        """
        W_h : H, D + H
        b_h : H
        h[t] = sigmoid(W_h @ [h[t-1], x[t]] + b_h)
        """,
    ),
    Architecture(
        "rnn-relu",
        "Elman network, ReLU",
        "Le, Jaitly & Hinton 2015, arXiv 1504.00941 (IRNN: recurrent block initialised to I) [lit]",
        (
            "The notes let the derivative of ReLU exceed 1; it is 0 or 1, and gradients explode through ∥W∥ > 1.",
            "At 0 the derivative is 0, as in PyTorch [code].",
        ),
        """
        W_h : H, D + H
        b_h : H
        h[t] = relu(W_h @ [h[t-1], x[t]] + b_h)
        """,
    ),
    Architecture(
        "rnn-nobias",
        "Elman network, tanh, without bias",
        ELMAN + "; as in the notes, with two matrices",
        ("PyTorch bias=False and Keras use_bias=False give the same count [run].",),
        """
        W_h : H, H
        W_x : H, D
        h[t] = tanh(W_h @ h[t-1] + W_x @ x[t])
        """,
    ),
    Architecture(
        "rnn-readout",
        "Elman network with linear read-out",
        ELMAN,
        (
            "The read-out of step t sees h[t], not h[t-1]; a softmax or sigmoid of o belongs to the loss.",
            "The notes write yhat = g(W_ya a + b_y): Q is W_ya and q is b_y.",
        ),
        """
        W_h : H, D + H
        b_h : H
        Q : O, H
        q : O
        h[t] = tanh(W_h @ [h[t-1], x[t]] + b_h)
        o[t] = Q @ h[t] + q
        """,
    ),
)
