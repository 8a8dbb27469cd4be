"""The networks of the lecture notes and of the papers behind them, by name: one line each, made of the parts.

A recipe is built when it is asked for.  `build("attention-bahdanau")` is a system like any other; its text is a good
beginning for a network of one's own.

Read next: `derive.stability`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from derive.errors import EquationError
from derive.language import parse
from derive.library import load
from derive.networks.attention import self_attention
from derive.networks.connect import feed_back
from derive.networks.embeddings import glove, skip_gram
from derive.networks.heads import embedded, head, loss
from derive.networks.layers import bidirectional, stack
from derive.networks.masks import masked
from derive.networks.seq2seq import encoder_decoder
from derive.networks.transformer import transformer_block
from derive.networks.windows import Window
from derive.system import System

# Cho et al. 2014, arXiv 1406.1078: the reset gate multiplies the context too; rows i and M + i of the maxout layer pair
CHO = """
x[t] : D
target[u] : O
W_z, W_r, W_n : H, D + H
b_z, b_r, b_n : H
z[t] = sigmoid(W_z @ [h[t-1], x[t]] + b_z)
r[t] = sigmoid(W_r @ [h[t-1], x[t]] + b_r)
n[t] = tanh(W_n @ [r[t] * h[t-1], x[t]] + b_n)
h[t] = z[t] * h[t-1] + (1 - z[t]) * n[t]
V : C, H
c = tanh(V @ h[T])
V_0 : S, C
s[0] = tanh(V_0 @ c)
G_z, G_r : S, C + O + S
z_s[u] = sigmoid(G_z @ [s[u-1], target[u-1], c])
r_s[u] = sigmoid(G_r @ [s[u-1], target[u-1], c])
W_s : S, O
U_s : S, C + S
n_s[u] = tanh(W_s @ target[u-1] + r_s[u] * (U_s @ [s[u-1], c]))
s[u] = z_s[u] * s[u-1] + (1 - z_s[u]) * n_s[u]
O_s : 2*M, C + O + S
pair[u] = O_s @ [s[u], target[u-1], c]
maxout[u] = max(rows(pair[u], 0:M), rows(pair[u], M:2*M))
G_y : O, M
y[u] = G_y @ maxout[u]
p[u] = softmax(y[u])
"""


@dataclass(frozen=True)
class Recipe:
    """A network by name.

    Attributes:
        name: how `build` knows it.
        title: what people call it.
        source: where it comes from.
        note: what to know about it, or where the lecture notes read otherwise.
        make: builds it.
    """

    name: str
    title: str
    source: str
    note: str
    make: Callable[[], System]


RECIPES = (
    Recipe(
        "rnn-deep", "Deep recurrent network, two layers", "Graves 2013, arXiv 1308.0850",
        "Each layer reads, at the same step, the layer below; nothing feeds back across layers.",
        lambda: stack(load("rnn"), 2),
    ),
    Recipe(
        "lstm-deep", "Deep LSTM, three layers", "Graves 2013, arXiv 1308.0850; PyTorch nn.LSTM(num_layers=3)",
        "The drawing of the notes: three layers, each with its own c and h.",
        lambda: stack(load("lstm"), 3),
    ),
    Recipe(
        "rnn-bidirectional", "Bidirectional network with read-out", "Schuster & Paliwal 1997, IEEE TSP 45(11)",
        "The notes write the backward half with h[t-1]; it reads h[t+1] and starts at T+1.",
        lambda: head(bidirectional(load("rnn"))),
    ),
    Recipe(
        "lstm-bidirectional-deep", "Stacked bidirectional LSTM, two layers",
        "PyTorch nn.LSTM(num_layers=2, bidirectional=True); Schuster & Paliwal 1997, IEEE TSP 45(11)",
        "The second layer reads both halves of the first.",
        lambda: stack(bidirectional(load("lstm")), 2),
    ),
    Recipe(
        "one-to-one", "One input, one output", "the notes' simplest picture: T = 1, no recurrence",
        "A feed-forward layer and a softmax are a system too.",
        lambda: loss(head(parse("input x : D\nW : H, D\nb : H\nh = tanh(W @ x + b)"), "softmax")),
    ),
    Recipe(
        "one-to-many", "One input, many outputs: a network that reads its own output",
        "Graves 2013, arXiv 1308.0850, section 2",
        "p[0], what the first step reads, is given at run time; the gradient passes through every p[t-1].",
        lambda: loss(feed_back(head(load("rnn"), "softmax"), "p"), "cross-entropy-onehot"),
    ),
    Recipe(
        "many-to-one", "Many inputs, one output: a sigmoid of the last state", "the notes' sentiment of a sentence",
        "Binary cross-entropy as softplus(y) - target * y: no logarithm of 0, and a gradient of p - target.",
        lambda: loss(head(load("lstm"), "sigmoid", at="last", width="1"), "binary"),
    ),
    Recipe(
        "many-to-many", "Many inputs, as many outputs: a class at every step", "the notes after Ng: L = Σ_t L_t",
        "Cross-entropy as logsumexp(y) - y_k; that its gradient is p - onehot(k) is derived.",
        lambda: loss(head(load("rnn"), "softmax")),
    ),
    Recipe(
        "tagger", "Bidirectional tagger for padded sentences", "the notes' named entities; rows like [1 2 3 0]",
        "m[t] is 0 where a sentence has ended; such a step changes nothing, in either direction.",
        lambda: masked(loss(head(embedded(bidirectional(load("gru"))), "softmax"), target="tag")),
    ),
    Recipe(
        "language-model", "Language model: embedding, LSTM, softmax over words",
        "Bengio et al. 2003, JMLR 3; Zaremba, Sutskever & Vinyals 2014, arXiv 1409.2329",
        "k[t] is the word that is read, word[t] the next one; the perplexity is exp(L / T).",
        lambda: loss(head(embedded(load("lstm")), "softmax", width="V"), target="word"),
    ),
    Recipe(
        "embedding", "Embedding layer with a padding index",
        "Bengio et al. 2003, JMLR 3; PyTorch nn.Embedding(padding_idx=0)",
        "Index 0 is padding: its vector is zero and its column of E gets no gradient.",
        lambda: embedded(parse("x[t] : D\ne[t] = x[t]"), padding=0),
    ),
    Recipe(
        "skip-gram", "Skip-gram with negative sampling", "Mikolov et al. 2013, arXiv 1310.4546, equation 4",
        "The word2vec of the notes: L is the loss of one word, one neighbour and N words of noise.",
        skip_gram,
    ),
    Recipe(
        "glove", "GloVe: weighted least squares on logarithms of counts",
        "Pennington, Socher & Manning 2014, EMNLP, D14-1162",
        "The pairs (i, j) that never occur together are not among the T pairs: their weight is 0.",
        glove,
    ),
    Recipe(
        "encoder-decoder", "Encoder-decoder: the last state of one LSTM is the first of another",
        "Sutskever, Vinyals & Le 2014, arXiv 1409.3215",
        "Teacher forcing: target[u-1] is data, and target[0] the start symbol.",
        lambda: loss(encoder_decoder(load("lstm"), load("lstm")), "cross-entropy-onehot"),
    ),
    Recipe(
        "encoder-decoder-free", "Encoder-decoder that reads its own predictions",
        "Sutskever, Vinyals & Le 2014, arXiv 1409.3215",
        "Free running: another derivation, the gradient passes through p[u-1].",
        lambda: loss(encoder_decoder(load("lstm"), load("lstm"), feeding="own"), "cross-entropy-onehot"),
    ),
    Recipe(
        "encoder-decoder-cho", "Encoder-decoder whose context is read at every step",
        "Cho et al. 2014, arXiv 1406.1078",
        "The reset gate of the decoder multiplies the context too; the read-out is a maxout layer.",
        lambda: loss(parse(CHO), "cross-entropy-onehot"),
    ),
    Recipe(
        "attention-bahdanau", "Encoder-decoder with additive attention", "Bahdanau, Cho & Bengio 2015, arXiv 1409.0473",
        "The weights alpha are computed, not learned, and weigh h: the notes call them learnable and write w for h.",
        lambda: loss(
            encoder_decoder(bidirectional(load("gru")), load("gru"), "additive", start="h_bwd"), "cross-entropy-onehot"
        ),
    ),
    Recipe(
        "attention-luong", "Encoder-decoder with multiplicative attention",
        "Luong, Pham & Manning 2015, arXiv 1508.04025, the score called general",
        "Scores use the state of the same step, Bahdanau's the one before.",
        lambda: loss(encoder_decoder(load("lstm"), load("lstm"), "general"), "cross-entropy-onehot"),
    ),
    Recipe(
        "attention-luong-local", "Encoder-decoder with local attention and input feeding",
        "Luong, Pham & Manning 2015, arXiv 1508.04025, sections 3.2 (local-p) and 3.3",
        "centre[u] is learned; the gradient reaches it through the exponential, not through the edge of the window.",
        lambda: loss(
            encoder_decoder(
                load("lstm"), load("lstm"), "general", window=Window("predictive", 2), input_feeding=True
            ), "cross-entropy-onehot"
        ),
    ),
    Recipe(
        "translation", "Words to words, with additive attention", "Bahdanau, Cho & Bengio 2015, arXiv 1409.0473",
        "word[0], the start symbol, is an initial value; the read-out is a maxout layer of state, word and context.",
        lambda: loss(
            encoder_decoder(
                embedded(bidirectional(load("gru"))), load("gru"), "additive", feeding="words", output="maxout",
                start="h_bwd",
            ), target="word"
        ),
    ),
    Recipe(
        "self-attention", "Scaled dot-product self-attention, two heads", "Vaswani et al. 2017, arXiv 1706.03762",
        "width is the number of rows of a key.",
        lambda: self_attention(2),
    ),
    Recipe(
        "transformer-block", "Transformer encoder block, two heads", "Vaswani et al. 2017, arXiv 1706.03762",
        "Normalised after each residual; PyTorch nn.TransformerEncoderLayer(norm_first=False).",
        lambda: transformer_block(2),
    ),
)  # fmt: skip
NAMED = {recipe.name: recipe for recipe in RECIPES}


def build(name: str) -> System:
    """A network by name, with its title, source and note.

    Raises:
        EquationError: one line, with the closest name.
    """
    if name not in NAMED:
        close = next(iter(get_close_matches(name, NAMED, n=1)), None)
        hint = f"did you mean {close!r}?" if close else f"there are {', '.join(NAMED)}"
        raise EquationError(f"no network is called {name!r}; {hint}")
    recipe = NAMED[name]
    return recipe.make().renamed(name=name, title=recipe.title, source=recipe.source, notes=(recipe.note,))
