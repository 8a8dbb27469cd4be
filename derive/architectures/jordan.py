"""Jordan networks (Jordan 1986): the output, not the hidden layer, is fed back.

Read next: `derive.architectures.gru`.
"""

from derive.architectures.entry import family

FAMILY = family("""
# jordan: Jordan network
# Jordan 1986, "Attractor dynamics and parallelism in a connectionist sequential machine", CogSci
# Jordan's state units decay, s[t] = μ s[t-1] + y[t-1] with a fixed μ; this is μ = 0, as textbooks give it.
# Trained on targets in place of y[t-1] (teacher forcing), no gradient flows through time.
W_h : H, D + O
b_h : H
Q : O, H
q : O
h[t] = tanh(W_h @ [y[t-1], x[t]] + b_h)
y[t] = sigmoid(Q @ h[t] + q)
""")
