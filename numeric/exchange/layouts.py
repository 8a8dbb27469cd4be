"""How frameworks store the weights of recurrent layers, as tables: names, order of gates, axes, biases.

Gates have the names of the library: f, i, o and g of an LSTM, z, r and n of a GRU, h of an RNN.  A tensor is made of
blocks, one for each part and gate, one below the other; `transposed` ones side by side.  Frameworks with two biases for
a gate, of the input and of the recurrent product, have the parts "input bias" and "recurrent bias"; one that stores
their sum has "bias".  Peepholes of ONNX have an order of gates of their own.

Sources: parameter lists and `forward` of PyTorch 2.13 (`nn.RNN`, `nn.GRU`, `nn.LSTM`), Keras 3.15, Flax 0.12 (linen);
the operators RNN, GRU and LSTM of the ONNX specification, opset 14 and later.

Read next: `numeric.exchange.names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from derive.conventions import FRAMEWORKS as COUNTED
from derive.conventions import Rule

BIASES = ("bias", "input bias", "recurrent bias")
SHAPES: Mapping[str, tuple[str, ...]] = MappingProxyType(  # of a block: H units, D inputs, R outputs of the layer
    {
        "input": ("H", "D"),
        "recurrent": ("H", "R"),
        "projection": ("R", "H"),
        "peephole": ("H",),
        **dict.fromkeys(BIASES, ("H",)),
    }
)


@dataclass(frozen=True)
class Tensor:
    """An array of a layer.

    Attributes:
        name: in the layer.
        parts: what it is made of; all gates of the first, then all gates of the second.
        gates: in their order in it; "" for those of its `Form`.
        transposed: whether the gates lie along the last axis.
        apart: whether parts lie along an axis of their own.
    """

    name: str
    parts: tuple[str, ...]
    gates: str = ""
    transposed: bool = False
    apart: bool = False

    @property
    def is_optional(self) -> bool:
        """Whether a layer can do without: biases and peepholes are then zero, and the output is not projected."""
        return not {"input", "recurrent"} & set(self.parts)


@dataclass(frozen=True)
class Form:
    """How a framework stores one kind of layer.

    Attributes:
        title: what the framework calls the layer.
        gates: in the order in which they are packed.
        tensors: all arrays of the layer in one direction.
    """

    title: str
    gates: str
    tensors: tuple[Tensor, ...]

    def gates_of(self, tensor: Tensor) -> str:
        """The gates of a tensor, in order."""
        return "" if tensor.parts == ("projection",) else tensor.gates or self.gates


@dataclass(frozen=True)
class Framework:
    """The names of a framework.

    Attributes:
        name: how `exchange` knows it.
        forms: by kind of layer (`derive.layers`); of two that tensors fit, the first is the framework's default.
        pattern: of a name: layer, way (if it is the name that says it) and tensor.
        single, deep: names of a tensor in a network of one layer, and of several.
        ways: what a name has for a layer of one direction, and for each half of a bidirectional one.
        axis: whether directions lie along the first axis of every tensor, and not in names.
        biased: whether every layer has biases.
        rule: whether the framework can compute a layer (`derive.conventions`).
    """

    name: str
    forms: Mapping[str, Form]
    pattern: str
    single: str
    deep: str
    ways: tuple[str, str, str] = ("", "", "")
    axis: bool = False
    biased: bool = False
    rule: Rule = COUNTED["keras"]


def _packed(names: tuple[str, ...], parts: tuple[tuple[str, ...], ...], transposed: bool = False) -> tuple[Tensor, ...]:
    return tuple(Tensor(name, part, transposed=transposed) for name, part in zip(names, parts, strict=True))


_TWO = (("input",), ("recurrent",), ("input bias",), ("recurrent bias",))
_TORCH = _packed(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), _TWO)
_KERAS = _packed(("kernel", "recurrent_kernel"), _TWO[:2], transposed=True)
_KERAS_ONE = (*_KERAS, Tensor("bias", ("bias",)))
_ONNX = (*_packed(("W", "R"), _TWO[:2]), Tensor("B", ("input bias", "recurrent bias")))


def _dense(gates: str) -> tuple[Tensor, ...]:
    """Flax: a Dense for each gate and operand."""
    pairs = [("i", "input", gate) for gate in gates] + [("h", "recurrent", gate) for gate in gates]
    return tuple(Tensor(f"{letter}{gate}/kernel", (part,), gate, transposed=True) for letter, part, gate in pairs)


PYTORCH = Framework(
    "pytorch",
    {
        "rnn": Form("nn.RNN", "h", _TORCH),
        "lstm": Form("nn.LSTM", "ifgo", (*_TORCH, Tensor("weight_hr", ("projection",)))),
        "gru-after": Form("nn.GRU", "rzn", _TORCH),
    },
    pattern=r"(?P<prefix>.*?)(?P<tensor>(?:weight|bias)_(?:ih|hh|hr))(?:_l(?P<layer>\d+)(?P<way>_reverse)?)?",
    single="{tensor}_l0{way}",
    deep="{tensor}_l{layer}{way}",
    ways=("", "", "_reverse"),
    rule=COUNTED["pytorch"],
)
KERAS = Framework(
    "keras",
    {
        "rnn": Form("SimpleRNN", "h", _KERAS_ONE),
        "lstm": Form("LSTM", "ifgo", _KERAS_ONE),
        "gru-after": Form(
            "GRU(reset_after=True)", "zrn", (*_KERAS, Tensor("bias", ("input bias", "recurrent bias"), apart=True))
        ),
        "gru-before": Form("GRU(reset_after=False)", "zrn", _KERAS_ONE),
    },
    pattern=r"(?P<layer>.*?)(?:(?:^|/)(?P<way>forward|backward)[^/]*(?:/[^/]+)?)?"
    r"(?:^|/)(?P<tensor>recurrent_kernel|kernel|bias)",
    single="{way}{tensor}",
    deep="{layer}/{way}{tensor}",
    ways=("", "forward/", "backward/"),
)
ONNX = Framework(
    "onnx",
    {
        "rnn": Form("RNN", "h", _ONNX),
        "lstm": Form("LSTM", "iofg", (*_ONNX, Tensor("P", ("peephole",), "iof"))),
        "gru-before": Form("GRU(linear_before_reset=0)", "zrn", _ONNX),
        "gru-after": Form("GRU(linear_before_reset=1)", "zrn", _ONNX),
    },
    pattern=r"(?P<layer>.*?)(?:^|[/._])(?P<tensor>W|R|B|P)",
    single="{tensor}",
    deep="{layer}/{tensor}",
    axis=True,
    rule=COUNTED["onnx"],
)
FLAX = Framework(
    "flax",
    {
        "rnn": Form(
            "SimpleCell",
            "h",
            (
                Tensor("i/kernel", ("input",), transposed=True),
                Tensor("h/kernel", ("recurrent",), transposed=True),
                Tensor("i/bias", ("bias",)),
            ),
        ),
        "lstm": Form("LSTMCell", "ifgo", (*_dense("ifgo"), *(Tensor(f"h{g}/bias", ("bias",), g) for g in "ifgo"))),
        "gru-after": Form(
            "GRUCell",
            "rzn",
            (
                *_dense("rzn"),
                Tensor("ir/bias", ("bias",), "r"),
                Tensor("iz/bias", ("bias",), "z"),
                Tensor("in/bias", ("input bias",), "n"),
                Tensor("hn/bias", ("recurrent bias",), "n"),
            ),
        ),
    },
    pattern=r"(?P<layer>.*?)(?:(?:^|/)(?P<way>forward|backward)[^/]*)?(?:(?:^|/)cell)?"
    r"(?:^|/)(?P<tensor>[ih][a-z]?/(?:kernel|bias))",
    single="{way}cell/{tensor}",
    deep="layers_{layer}/{way}cell/{tensor}",
    ways=("", "forward_rnn/", "backward_rnn/"),
    biased=True,
)
FRAMEWORKS: Mapping[str, Framework] = MappingProxyType({f.name: f for f in (PYTORCH, KERAS, ONNX, FLAX)})


def framework(name: str) -> Framework:
    """A framework by name.

    Raises:
        ValueError: if it is none of them.
    """
    if name not in FRAMEWORKS:
        raise ValueError(f"no layout is called {name!r}; there are {', '.join(FRAMEWORKS)}")
    return FRAMEWORKS[name]
