"""Word vectors learned from which words stand near which: skip-gram with negative sampling, and GloVe.

Neither is recurrent; both are a few equations over looked-up columns, so that their gradients are derived, proved and
compiled as those of a network are.  A table has one column for each of V words: one table for words, one for words as
the context of others.

Skip-gram (Mikolov, Sutskever, Chen, Corrado & Dean 2013, arXiv 1310.4546, equation 4) maximises log σ(u_o · v) +
Σ log σ(−u_n · v) over N words n drawn as noise; with −log σ(a) = softplus(−a) no logarithm of 0 can occur.  An example
is one pair (word, context).

GloVe (Pennington, Socher & Manning 2014, EMNLP, D14-1162, equations 8 and 9) fits w_i · w̃_j + b_i + b̃_j to log X_ij,
weighted by f(X) = min((X / x_max)^(3/4), 1), over all pairs t that occur together at all.  The paper's x_max is 100.

>>> print(skip_gram().adjoint().equation("dv"))
dv = ds * take(U, context) + sum[n](dr[n] * take(U, noise[n]))

Read next: `derive.networks.recipes`.
"""

from __future__ import annotations

from derive.language import parse
from derive.system import System

SKIP_GRAM = """
E : D, V
U : D, V
input word : index V
input context : index V
noise[n] : index V
v = take(E, word)
s = take(U, context).T @ v
r[n] = take(U, noise[n]).T @ v
L = softplus(-s) + sum[n](softplus(r[n]))
"""

GLOVE = """
W : D, V
W_c : D, V
b : 1, V
b_c : 1, V
i[t] : index V
j[t] : index V
x[t] : scalar
const x_max : scalar
f[t] = min((x[t] / x_max)**0.75, 1)
r[t] = take(W, i[t]).T @ take(W_c, j[t]) + take(b, i[t]) + take(b_c, j[t]) - log(x[t])
L = sum[t](f[t] * r[t]**2)
"""


def skip_gram() -> System:
    """Skip-gram with negative sampling: the loss L of one pair and N words of noise.

    Tables E and U: (D, V); integers word, context: (B,), noise: (N, B).
    """
    return parse(SKIP_GRAM, name="skip-gram")


def glove() -> System:
    """GloVe's weighted least squares: the loss L, summed over T pairs.

    Tables W and W_c: (D, V), biases b and b_c: (1, V); integers i and j: (T, B), counts x > 0: (T, B), x_max: ().
    """
    return parse(GLOVE, name="glove")
