"""Networks: systems made of systems by renaming and connecting, with any cell.

>>> import derive
>>> from derive import networks
>>> net = networks.stack(networks.bidirectional(derive.load("lstm")), 2)
>>> net = networks.loss(networks.head(net, "softmax"), "cross-entropy")
>>> networks.masked(net).adjoint(outputs=("L",)).equation("dL")
"""

from derive.networks.attention import attention, self_attention
from derive.networks.connect import connect, feed_back, wired
from derive.networks.heads import embedded, head, loss
from derive.networks.layers import bidirectional, stack
from derive.networks.masks import masked
from derive.networks.rename import renamed, reverse
from derive.networks.seq2seq import encoder_decoder
from derive.networks.transformer import feed_forward, layer_norm, residual, transformer_block

__all__ = [
    "attention",
    "bidirectional",
    "connect",
    "embedded",
    "encoder_decoder",
    "feed_back",
    "feed_forward",
    "head",
    "layer_norm",
    "loss",
    "masked",
    "renamed",
    "residual",
    "reverse",
    "self_attention",
    "stack",
    "transformer_block",
    "wired",
]
