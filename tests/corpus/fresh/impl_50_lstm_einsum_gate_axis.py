# Everything at once with einsum.  b: batch, t: time, d: input, h, k: hidden, g: gate in the order (o, f, g, i)
import numpy as np
from numpy import einsum


def act(p):
    q = 1 / (1 + np.exp(-p))
    q[:, 2] = np.tanh(p[:, 2])
    return q


def lstm_forward(inp, kern, rec, bias, h0, c0):
    a_in = einsum("btd,gdh->btgh", inp, kern) + bias
    h, c, tape = h0, c0, []
    for t in range(inp.shape[1]):
        gates = act(a_in[:, t] + einsum("bk,gkh->bgh", h, rec))
        c_next = gates[:, 1] * c + gates[:, 3] * gates[:, 2]
        th = np.tanh(c_next)
        tape.append((h, c, gates, th))
        h, c = gates[:, 0] * th, c_next
    tape.append((h, c))
    return np.stack([e[0] for e in tape[1:]], 1), tape


def lstm_backward(inp, kern, rec, tape, gh):
    deltas = np.zeros((*inp.shape[:2], 4, rec.shape[-1]))
    bh, bc = 0, 0
    for t in range(inp.shape[1] - 1, -1, -1):
        h, c, (gates, th) = tape[t][0], tape[t][1], tape[t][2:]
        o, f, g, i = gates.transpose(1, 0, 2)
        bh = bh + gh[:, t]
        bc = bc + bh * o * (1 - th**2)
        up = np.stack([bh * th, bc * c, bc * i, bc * g], 1)
        slope = gates * (1 - gates)
        slope[:, 2] = 1 - g**2
        deltas[:, t] = up * slope
        bh = einsum("bgh,gkh->bk", deltas[:, t], rec)
        bc = bc * f
    prev = np.stack([e[0] for e in tape[:-1]], 1)
    return {
        "inp": einsum("btgh,gdh->btd", deltas, kern),
        "kern": einsum("btgh,btd->gdh", deltas, inp),
        "rec": einsum("btgh,btk->gkh", deltas, prev),
        "bias": einsum("btgh->gh", deltas),
        "h0": bh,
        "c0": bc,
    }


# ---- corpus
CELL = "lstm"
STYLE = "einsum, gates ofgi on a leading axis of the weights, (B, T, D), rows, both initial states"
HELD_OUT = True


def draw(rng):
    D, H, B, T = 5, 4, 2, 6
    r = rng.standard_normal
    return {"input/inp": r((B, T, D)), "initial/h0": 0.5 * r((B, H)), "initial/c0": 0.5 * r((B, H)), "param/kern": 0.5 * r((4, D, H)), "param/rec": 0.5 * r((4, H, H)),
            "param/bias": 0.5 * r((4, H)), "cotangent/h": r((B, T, H))}


def run(d):
    h, tape = lstm_forward(*(d[k] for k in ("input/inp", "param/kern", "param/rec", "param/bias", "initial/h0", "initial/c0")))
    grads = lstm_backward(d["input/inp"], d["param/kern"], d["param/rec"], tape, d["cotangent/h"])
    return {"output/h": h} | {"grad/" + k: g for k, g in grads.items()}


MISTAKES = {
    "rec contracted over the other axis": ([('einsum("bgh,gkh->bk", deltas[:, t], rec)', 'einsum("bgh,ghk->bk", deltas[:, t], rec)')], [("transpose", "rec")]),
    "states of the same step": ([("for e in tape[:-1]], 1)\n    return {", "for e in tape[1:]], 1)\n    return {")], [("time-shift", "rec h")]),
    "c not passed on": ([("bc = bc * f", "bc = bc * 0")], [("cut-recurrence", "c f"), ("drop-path", "c f")]),
    "forget gate left out on the way back": ([("bc = bc * f", "bc = bc")], [("missing-derivative", "f c"), ("misplaced-factor", "f c")]),
    "i and g exchanged": ([("bc * i, bc * g]", "bc * g, bc * i]")], [("swap-gates", "i g")]),
    "output gate squared away": ([("bc = bc + bh * o * (1 - th**2)", "bc = bc + bh * (1 - th**2)")], [("misplaced-factor", "o c h"), ("missing-derivative", "o c h"), ("drop-path", "o")]),
    "bias of the last step": ([('einsum("btgh->gh", deltas)', 'einsum("bgh->gh", deltas[:, -1])')], [("last-step-only", "bias b")]),
    "g like a sigmoid": ([("        slope[:, 2] = 1 - g**2\n", "")], [("missing-derivative", "g"), ("derivative-of-activated", "g"), ("misplaced-factor", "g")]),
}
STACKS = {
    "rec contracted over the other axis + bias of the last step": [],
    "output gate squared away + states of the same step": [],
    "c not passed on + i and g exchanged": [],
    "forget gate left out on the way back + states of the same step + bias of the last step": [],
}
