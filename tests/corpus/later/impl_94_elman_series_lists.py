# Forecast of a series with an Elman net: everything is a list of vectors, one series, squared errors.
import numpy as np


def elman(series, Win, Wrec, bias, Wout, bout):
    context = np.zeros(Wrec.shape[0])
    states, forecasts = [context], []
    for x in series:
        context = np.tanh(np.dot(Win, x) + np.dot(Wrec, context) + bias)
        states.append(context)
        forecasts.append(np.dot(Wout, context) + bout)
    return states, forecasts


def squared_error(forecasts, targets):
    return 0.5 * sum(np.sum((f - y) ** 2) for f, y in zip(forecasts, targets)) / len(targets)


def through_time(series, targets, states, forecasts, Win, Wrec, bias, Wout, bout):
    n = len(series)
    gradients = [np.zeros_like(w) for w in (Win, Wrec, bias, Wout, bout)]
    gWin, gWrec, gbias, gWout, gbout = gradients
    errors = [(f - y) / n for f, y in zip(forecasts, targets)]
    series_gradient = [None] * n
    later = np.zeros(len(bias))
    for k in range(n - 1, -1, -1):
        state, before = states[k + 1], states[k]
        gWout += np.outer(errors[k], state)
        gbout += errors[k]
        local = (np.dot(Wout.T, errors[k]) + later) * (1.0 - state**2)
        gWin += np.outer(local, series[k])
        gWrec += np.outer(local, before)
        gbias += local
        series_gradient[k] = np.dot(Win.T, local)
        later = np.dot(Wrec.T, local)
    return gradients, series_gradient


# ---- corpus
CELL = "rnn-readout"
STYLE = "lists of 1-D vectors, one series, half the squared error averaged over the steps, gradients in a list"
HELD_OUT = True
SHAPES = {"Win": (4, 3), "Wrec": (4, 4), "bias": (4,), "Wout": (2, 4), "bout": (2,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/series": r((7, 3)), "target/targets": r((7, 2))} | {"param/" + k: 0.7 * r(s) for k, s in SHAPES.items()}


def run(d):
    weights = [d["param/" + k] for k in SHAPES]
    series, targets = list(d["input/series"]), list(d["target/targets"])
    states, forecasts = elman(series, *weights)
    gradients, series_gradient = through_time(series, targets, states, forecasts, *weights)
    out = {"loss": np.array(squared_error(forecasts, targets)), "output/forecasts": np.array(forecasts), "output/states": np.array(states[1:])}
    return out | {"grad/series": np.array(series_gradient)} | {"grad/" + k: g for k, g in zip(SHAPES, gradients)}


MISTAKES = {
    "errors not averaged": ([("(f - y) / n for", "(f - y) for")], [("scale", "*")], "loss"),
    "errors the other way": ([("(f - y) / n for", "(y - f) / n for")], [("sign", "*")]),
    "the later steps unheard": ([("        later = np.dot(Wrec.T, local)\n", "")], [("cut-recurrence", "states h context Wrec later"), ("drop-path", "states h Wrec later"), ("truncate", "*")], "wrong"),
    "Wrec the wrong way round": ([("np.dot(Wrec.T, local)", "np.dot(Wrec, local)")], [("transpose", "Wrec")]),
    "outer product the wrong way round": ([("np.outer(local, before)", "np.outer(before, local)")], [("transpose", "Wrec")]),
    "slope only for the error": ([("(np.dot(Wout.T, errors[k]) + later) * (1.0 - state**2)", "np.dot(Wout.T, errors[k]) * (1.0 - state**2) + later")], [("misplaced-factor", "states h later context Wrec"), ("missing-derivative", "states h later context Wrec")]),
    "gbias = local": ([("gbias += local", "gbias[:] = local")], [("not-accumulated", "bias"), ("first-step-only", "bias")]),
    "only the last forecast": ([("errors = [(f - y) / n for f, y in zip(forecasts, targets)]", "errors = [0 * f for f in forecasts[:-1]] + [(forecasts[-1] - targets[-1]) / n]")], [("cotangent-missing", "*"), ("last-step-only", "*")]),
    "Wout with the context": ([("np.outer(errors[k], state)", "np.outer(errors[k], before)")], [("time-shift", "Wout states h context")]),
}
STACKS = {
    "errors not averaged + Wrec the wrong way round": [],
    "the later steps unheard + Wout with the context": [],
    "outer product the wrong way round + gbias = local": [],
    "slope only for the error + gbias = local + Wout with the context": [],
}
