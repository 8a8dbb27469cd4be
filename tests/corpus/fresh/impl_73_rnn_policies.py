import numpy as np


class Trainer:
    """Elman network for regression, rows (B, T, D); y reads every state; error summed over time, averaged over B, without a half."""

    def __init__(self, Win, Wrec, brec, Wout, bout):
        self.theta = {"Win": Win, "Wrec": Wrec, "brec": brec, "Wout": Wout, "bout": bout}

    def outputs(self, x, s):
        th = self.theta
        self.x, self.s = x, [s]
        for t in range(x.shape[1]):
            self.s.append(np.tanh(x[:, t] @ th["Win"] + self.s[t] @ th["Wrec"] + th["brec"]))
        return np.stack([v @ th["Wout"] + th["bout"] for v in self.s[1:]], axis=1)

    def gradient(self, x, s, target):
        y = self.outputs(x, s)
        th, B, T = self.theta, *target.shape[:2]
        loss = ((y - target) ** 2).sum() / B
        d = {k: np.zeros_like(v) for k, v in th.items()}
        dy = 2 * (y - target) / B
        carry = np.zeros_like(s)
        for t in range(T)[::-1]:
            d["Wout"] += self.s[t + 1].T @ dy[:, t]
            d["bout"] += dy[:, t].sum(0)
            da = (dy[:, t] @ th["Wout"].T + carry) * (1 - self.s[t + 1] ** 2)
            d["Win"] += x[:, t].T @ da
            d["Wrec"] += self.s[t].T @ da
            d["brec"] += da.sum(0)
            carry = da @ th["Wrec"].T
        return y, loss, d


# ---- corpus
CELL = "rnn-readout"
STYLE = "trainer object with a dict, rows (B, T, D), squared error without a half averaged over B, policies"
HELD_OUT = True
SHAPES = {"Win": (5, 4), "Wrec": (4, 4), "brec": (4,), "Wout": (4, 2), "bout": (2,)}


def draw(rng):
    r = rng.standard_normal
    return {"input/x": r((3, 7, 5)), "initial/s": 0.5 * r((3, 4)), "target/y": r((3, 7, 2))} | {"param/" + k: 0.5 * r(s) for k, s in SHAPES.items()}


def run(d):
    trainer = Trainer(*(d["param/" + k] for k in SHAPES))
    y, loss, g = trainer.gradient(d["input/x"], d["initial/s"], d["target/y"])
    return {"output/y": y, "output/s": np.stack(trainer.s[1:], 1), "loss": np.array(loss)} | {"grad/" + k: v for k, v in g.items()}


TRUNCATED = (
    "            e = dy[:, t] @ th['Wout'].T\n            for k in range(t, max(-1, t - 3), -1):\n                e = e * (1 - self.s[k + 1] ** 2)\n"
    "                d['Win'] += x[:, k].T @ e\n                d['Wrec'] += self.s[k].T @ e\n                d['brec'] += e.sum(0)\n                e = e @ th['Wrec'].T\n"
)
LOOP = '''            da = (dy[:, t] @ th["Wout"].T + carry) * (1 - self.s[t + 1] ** 2)
            d["Win"] += x[:, t].T @ da
            d["Wrec"] += self.s[t].T @ da
            d["brec"] += da.sum(0)
            carry = da @ th["Wrec"].T
'''
MISTAKES = {
    "three steps back": ([(LOOP, TRUNCATED)], [("truncate", "*")]),
    "by norm": ([("        return y, loss, d", "        norm = np.sqrt(sum((v**2).sum() for v in d.values()))\n        for v in d.values():\n            v *= min(1, 1 / norm)\n        return y, loss, d")], [("clip", "*"), ("scale", "*")], "policy"),
    "by value": ([("        return y, loss, d", "        d = {k: np.clip(v, -0.7, 0.7) for k, v in d.items()}\n        return y, loss, d")], [("clip", "*")]),
    "first state in Wout": ([("self.s[t + 1].T @ dy", "self.s[t].T @ dy")], [("time-shift", "Wout s h")]),
    "Wrec as it is": ([('carry = da @ th["Wrec"].T', 'carry = da @ th["Wrec"]')], [("transpose", "Wrec")]),
    "carry outside the slope": ([('(dy[:, t] @ th["Wout"].T + carry) * (1 - self.s[t + 1] ** 2)', 'dy[:, t] @ th["Wout"].T * (1 - self.s[t + 1] ** 2) + carry')], [("misplaced-factor", "s h"), ("missing-derivative", "s h")]),
    "brec of the last step": ([('d["brec"] += da.sum(0)', 'd["brec"] += da.sum(0) * (t == T - 1)')], [("last-step-only", "brec")]),
    "errors of one step": ([("dy = 2 * (y - target) / B", "dy = 2 * (y - target) / B * (np.arange(T) == T - 1)[:, None]")], [("cotangent-missing", "y"), ("last-step-only", "*")]),
}
STACKS = {
    "by value + first state in Wout": [],
    "Wrec as it is + brec of the last step": [],
    "first state in Wout + carry outside the slope": [],
    "first state in Wout + Wrec as it is + brec of the last step": [],
}
