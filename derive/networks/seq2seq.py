"""Encoder and decoder: sequences in and out, of different lengths T (axis t) and U (axis u).

The encoder is any system; the decoder is any cell, moved to axis u, its quantities marked ``_dec``.  Between them:

"last"      the last state of the encoder is the first of the decoder: ``h_dec[0] = h[T]``.
            Sutskever, Vinyals & Le 2014, arXiv 1409.3215 (a deep LSTM there: every layer's h and c)
"every"     ``context = tanh(W_context @ h[T])`` is read at every step as well.
            Cho et al. 2014, arXiv 1406.1078 (there the reset gate multiplies the context too)
"additive"  attention with the state before, s[u-1]; its context is part of the decoder's input.
            Bahdanau, Cho & Bengio 2015, arXiv 1409.0473
"dot", "general", "concat", "scaled"   attention with the state now; ``s_att[u] = tanh(W_att @ [context[u], s[u]])``
            is read out.  Luong, Pham & Manning 2015, arXiv 1508.04025, section 3

What a decoder reads besides is a choice of its own.  With *teacher forcing* it reads the target of the step before,
an input, and no gradient goes that way; *free running*, it reads its own prediction, and the gradient passes through
it: two systems with two derivations.  Where the targets are words, it reads a column of a table,
``take(E, word[u-1])``; ``word[0]`` is the start symbol, given as an initial value.  (A decoder that reads the most
probable word of its own has no gradient: that is no system, but a loop around the steps of one.)

With *input feeding* (Luong et al., section 3.3) ``s_att[u-1]`` is read as well, so that the decoder knows what it has
attended to.

Read next: `derive.networks.recipes`.
"""

from __future__ import annotations

from dataclasses import replace as change

import sympy

from derive.errors import EquationError
from derive.expr import Ref, Step, apply, concat, matmul, ref, step
from derive.networks.attention import SCORES, attention
from derive.networks.connect import apart, joined, last, met, now, only_input, only_output, wired
from derive.networks.heads import head, maxout
from derive.networks.rename import Names, assembled, dimension_text, marked, only_axis, renamed
from derive.networks.windows import Window
from derive.system import Equation, System, Var

AXIS = "u"
LUONG = "Luong, Pham & Manning 2015, arXiv 1508.04025"
SOURCES = {
    "last": "Sutskever, Vinyals & Le 2014, arXiv 1409.3215",
    "every": "Cho et al. 2014, arXiv 1406.1078",
    "additive": "Bahdanau, Cho & Bengio 2015, arXiv 1409.0473",
    "scaled": f"{LUONG}; scores of Vaswani et al. 2017, arXiv 1706.03762",
}
LATE = tuple(score for score in SCORES if score != "additive")  # attend with the state now
CONTEXTS = ("last", "every", *SCORES)
FEEDINGS = ("targets", "words", "own")


def encoder_decoder(
    encoder: System,
    decoder: System,
    context: str = "last",
    *,
    feeding: str = "targets",
    input_feeding: bool = False,
    output: str = "softmax",
    start: str | None = None,
    window: Window | None = None,
) -> System:
    """A network from sequences x[t]: D to sequences p[u]: O.

    Args:
        encoder: along one axis; its only output is the memory, h[t]: H, or [h_fwd[t], h_bwd[t]]: 2H.
        decoder: a cell along one axis with one input and one output.
        context: what the decoder knows of the encoder, see the module.
        feeding: "targets" (teacher forcing: the input target[u-1]), "words" (the same with integers, word[u-1]) or
            "own" (free running: p[u-1]); what the first step reads is the initial value of target, word or p, given
            at run time.
        input_feeding: whether s_att[u-1] is read too; only where there is one.
        output: kind of the head, see `derive.networks.heads.head`; or "maxout": a softmax of pairs of which the larger
            counts, made of the state, the context and what the decoder was fed (Cho; Bahdanau, with the state before).
        start: quantity of the encoder from whose last value the decoder's state starts, ``h_dec[0] = tanh(W_0_h @ …)``
            (Bahdanau: the backward half).  By default the states of Sutskever's and Luong's decoders are copied from
            those of the same names, if the encoder has them; else it is the memory.
        window: of the attention, see `derive.networks.windows`.

    Raises:
        EquationError: for an unknown word, or sizes that cannot meet.
    """
    for word, known, what in ((context, CONTEXTS, "context"), (feeding, FEEDINGS, "feeding")):
        if word not in known:
            raise EquationError(f"{what} {word!r} is unknown; there are {', '.join(known)}")
    if window is not None and context not in SCORES:
        raise EquationError(f"context {context!r} has no attention, so no window of it")
    if input_feeding and context not in LATE:
        raise EquationError(f"input feeding reads the attentional state, which context {context!r} has not")
    memory, driven, result = only_output(encoder), only_input(decoder), only_output(decoder)
    copy, moved = _decoder(decoder, encoder)
    state, source = moved[result], last(encoder, start or memory)
    seen: list[Ref] = []
    if context == "every":
        encoder, context_ = _layer(encoder, "context", "W_context", source, encoder.shape_of(source)[0], None)
        seen, source = [context_], context_
    net, top = joined(encoder, copy), state
    if context == "additive":
        net, found = _attended(encoder, copy, attention(context, window), memory, ref(state, step(AXIS, -1)))
        seen = [found]
    elif context in LATE:
        net, found = _attended(encoder, copy, attention(context, window), memory, ref(state, step(AXIS)))
        both = concat(found, ref(state, step(AXIS)))
        net, read = _layer(net, f"{result}_att", "W_att", both, net.variables[state].shape[0], AXIS)
        top = read.name
        seen = [ref(top, step(AXIS, -1))] if input_feeding else []
    net = _fed(net, top, output, moved[driven], feeding, seen)
    same = set(decoder.boundaries) <= set(encoder.boundaries)
    copied = same and start is None and context not in ("every", "additive")
    for name in decoder.boundaries:
        net = _started(net, moved[name], name, last(encoder, name) if copied else source, copied=copied)
    title = f"Encoder-decoder ({context}): {encoder.title or encoder.name} to {decoder.title or decoder.name}"
    return net.renamed(name=f"encoder-decoder-{context}", title=title, source=SOURCES.get(context, LUONG))


def _decoder(decoder: System, encoder: System) -> tuple[System, dict[str, str]]:
    """The decoder on axis u with names of its own, and what its quantities are called there."""
    if AXIS in encoder.axes:
        raise EquationError(f"the encoder runs along {AXIS}, which is the axis of the decoder: rename it")
    copy = marked(decoder, "dec", "decoder", taken=encoder.variables)
    moved = dict(zip(decoder.variables, copy.variables, strict=True))
    copy = renamed(copy, axes={only_axis(copy): AXIS})
    sizes = Names(map(str, (*encoder.dimensions, *copy.dimensions)))
    dims = {str(d): sizes.fresh(f"{d}_dec") for d in copy.dimensions if d in encoder.dimensions}
    return renamed(copy, dimensions=dims), moved


def _attended(encoder: System, decoder: System, form: System, memory: str, query: sympy.Expr) -> tuple[System, Ref]:
    """Both with attention from one to the other, and the context at the current step."""
    axis = encoder.variables[memory].axis
    assert axis is not None
    form = renamed(form, axes={"t": axis} if axis != "t" else {})
    added = apart(form, joined(encoder, decoder))
    called = dict(zip(form.variables, added.variables, strict=True))
    late = isinstance(query, Ref) and isinstance(query.index, Step) and not query.index.shift
    parts = (encoder, decoder, added) if late else (encoder, added, decoder)
    wires = {called["s"]: query, called["h"]: now(encoder.variables[memory])}
    return wired(joined(*parts), wires), ref(called["context"], step(AXIS))


def _layer(
    net: System, wish: str, weight: str, source: sympy.Expr, rows: sympy.Expr, axis: str | None
) -> tuple[System, Ref]:
    """The net with ``name = tanh(W @ source)``, and that quantity."""
    supply = Names(net.variables)
    w = Var(supply.fresh(weight), (rows, net.shape_of(source)[0]), None, "parameter")
    out = Var(supply.fresh(wish), (rows,), axis)
    equations = (*net.equations, Equation(now(out), apply("tanh", matmul(ref(w.name), source))))
    return assembled(equations, {**net.variables, out.name: out, w.name: w}, net), now(out)


def _fed(net: System, top: str, output: str, driven: str, feeding: str, seen: list[Ref]) -> System:
    """The net with its head, whose decoder reads the step before: the target, the word, or the prediction."""
    open_ends = [driven]
    if output == "maxout":  # this layer reads what the decoder is fed too: an input for now
        size = Names(map(str, net.dimensions)).fresh("D_fed")
        fed = Var(Names(net.variables).fresh("fed"), (dimension_text(size),), AXIS, "input")
        contexts = [read.name for read in seen if read.index in (None, step(AXIS))]
        net = maxout(change(net, variables={**net.variables, fed.name: fed}), of=(top, fed.name, *contexts))
        open_ends, top, output = [*open_ends, fed.name], net.equations[-1].name, "softmax"
    net = head(net, output, of=top)
    prediction = next(n for n in reversed(net.defined) if n in net.outputs and net.variables[n].axis == AXIS)
    before, more = _before(net, prediction, feeding)
    return wired(net, dict(zip(open_ends, (concat(before, *seen), before), strict=False)), more)


def _before(net: System, prediction: str, feeding: str) -> tuple[sympy.Expr, tuple[Var, ...]]:
    """What the decoder reads of the step before, and the leaves in it."""
    supply, model = Names(net.variables), net.variables[prediction]
    if feeding == "own":
        return ref(prediction, step(AXIS, -1)), ()
    if feeding == "targets":
        target = Var(supply.fresh("target"), model.shape, AXIS, "input")
        return ref(target.name, step(AXIS, -1)), (target,)
    classes = net.shape_of(now(model))[0]
    size = dimension_text(Names(map(str, net.dimensions)).fresh("D_word"))
    table = Var(supply.fresh("E_dec"), (size, classes), None, "parameter")
    word = Var(supply.fresh("word"), (), AXIS, "input", classes)
    return apply("take", ref(table.name), ref(word.name, step(AXIS, -1))), (table, word)


def _started(net: System, state: str, name: str, source: sympy.Expr, *, copied: bool) -> System:
    """The net in which a state of the decoder starts from the encoder."""
    variables = {}
    if copied:
        net, sources, _ = met(net, {state: source}, {}, {state: f"{name} of the decoder"})
        source = sources[state]
    else:
        wish = Names(net.variables).fresh(f"W_0_{name}")
        weight = Var(wish, (net.shape_of(now(net.variables[state]))[0], net.shape_of(source)[0]), None, "parameter")
        variables[weight.name] = weight
        source = apply("tanh", matmul(ref(weight.name), source))
    first = [Equation(ref(state, position), source) for position in net.boundaries[state]]
    return assembled((*net.equations, *first), {**net.variables, **variables}, net)
