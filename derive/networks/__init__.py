"""Networks: systems made of systems by renaming and connecting, with any cell.

>>> import derive
>>> net = head(stack(bidirectional(derive.load("lstm")), 2), "softmax")
>>> print(masked(loss(net)).equation("L"))
L = sum[t](stop(m[t]) * l[t])
"""

from derive.networks.attention import attention, self_attention
from derive.networks.connect import connect, feed_back, wired
from derive.networks.embeddings import glove, skip_gram
from derive.networks.heads import embedded, head, loss, maxout
from derive.networks.layers import bidirectional, stack
from derive.networks.masks import masked
from derive.networks.recipes import NAMED, RECIPES, Recipe, build
from derive.networks.rename import renamed, reverse
from derive.networks.seq2seq import encoder_decoder
from derive.networks.transformer import feed_forward, layer_norm, residual, transformer_block
from derive.networks.windows import Window

__all__ = [
    "NAMED",
    "RECIPES",
    "Recipe",
    "Window",
    "attention",
    "bidirectional",
    "build",
    "connect",
    "embedded",
    "encoder_decoder",
    "feed_back",
    "feed_forward",
    "glove",
    "head",
    "layer_norm",
    "loss",
    "masked",
    "maxout",
    "renamed",
    "residual",
    "reverse",
    "self_attention",
    "skip_gram",
    "stack",
    "transformer_block",
    "wired",
]
