"""The part of a C file that checks its gradient: a table of what it is of, and difference quotients.

Read next: `numeric.targets.c`.
"""

from __future__ import annotations

from collections.abc import Iterable

from derive.expr import Fixed, Op, ref, refs
from derive.reach import ancestors
from derive.system import System
from numeric.targets.c_names import Names

CHECK = """
static double loss(void) {{
  double sum = 0;
{loss}
  return sum;
}}

/* {promise} */
static const struct {{
  const char *name;
  double *value;
  const double *slope; /* none where nothing depends on the value */
  int count;
}} leaves[] = {{
{leaves}
}};

static double draw(void) {{
  static unsigned state = 1;
  state = state * 1103515245u + 12345u;
  return ((state >> 16) & 32767) / 32768.0 - 0.5;
}}

int check(void) {{
  int wrong = 0;
{draws}
  forward();
  backward();
  for (int leaf = 0; leaf < (int)(sizeof leaves / sizeof *leaves); leaf++)
    for (int at = 0; at < leaves[leaf].count; at++) {{
      const double tiny = 1e-5, value = leaves[leaf].value[at], slope = leaves[leaf].slope ? leaves[leaf].slope[at] : 0;
      leaves[leaf].value[at] = value + tiny;
      forward();
      double quotient = loss();
      leaves[leaf].value[at] = value - tiny;
      forward();
      quotient = (quotient - loss()) / (2 * tiny);
      leaves[leaf].value[at] = value;
      if (!(fabs(slope - quotient) <= 1e-6 * (1 + fabs(quotient)))) {{
        printf("%s, entry %d: %.9g, but differences say %.9g\\n", leaves[leaf].name, at, slope, quotient);
        wrong++;
      }}
    }}
  return wrong;
}}

int main(void) {{
  const int wrong = check();
  if (!wrong) printf("the gradient agrees with differences\\n");
  return wrong != 0;
}}
"""


class Check:
    """That part in the making.

    Args:
        system: whose gradient it is.
        names: of its quantities.
    """

    def __init__(self, system: System, names: Names) -> None:
        self.system, self.plan, self.names = system, names.plan, names

    def text(self) -> str:
        """The functions ``loss``, ``draw``, ``check`` and ``main``."""
        skipped = self._unchecked()
        promise = "what the gradient is of"
        if skipped:
            promise += "; what moves something inside stop(...) is left out: " + ", ".join(sorted(skipped))
        leaves = [line for line in self._leaves() if line]
        return CHECK.format(
            loss="\n".join(self._loss()), leaves="\n".join(leaves), draws="\n".join(self._draws()), promise=promise
        )

    def _unchecked(self) -> set[str]:
        """Leaves that move something inside ``stop(…)``, of which differences see more than the gradient."""
        held = {
            r.name for e in self.system.equations for op in e.expr.atoms(Op) if op.primitive == "stop" for r in refs(op)
        }
        return set(ancestors(self.system, held)) if held else set()

    def _places(self) -> list[tuple[str, Fixed | None]]:
        """What the gradient is of: leaves, and given boundary values position by position."""
        variables = self.plan.variables
        roles = ("parameter", "input")
        found: list[tuple[str, Fixed | None]] = [
            (name, None)
            for name in self.plan.leaves
            if variables[name].role in roles and variables[name].classes is None
        ]
        return found + [
            (n, p) for n in self.plan.initial if variables[n].classes is None for p in self.plan.boundaries[n]
        ]

    def _leaves(self) -> Iterable[str]:
        written = {equation.out for stage in self.plan.backward for equation in stage.equations}
        skipped = self._unchecked()
        for name, position in self._places():
            if name in skipped:
                continue
            value, count = self.names.first(name, position)
            slope = self.plan.gradients.get(name)
            known = slope is not None and (position is None or ref(slope, position) in written)
            address = self.names.first(slope, position)[0] if slope is not None and known else "NULL"
            yield f'  {{"{self.names.names[name]}", {value}, {address}, {count}}},'

    def _loss(self) -> Iterable[str]:
        pairs: list[tuple[str, str, Fixed | None]] = [(up, name, None) for name, up in self.plan.upstream.items()]
        for name, ends in self.plan.ends.items():
            pairs += [(end, name, p) for end, p in zip(ends, self.plan.final[name], strict=True)]
        for weight, name, position in pairs:
            one, count = self.names.first(weight, None)
            other, _ = self.names.first(name, position)
            yield f"  for (int at = 0; at < {count}; at++) sum += ({one})[at] * ({other})[at];"

    def _draws(self) -> Iterable[str]:
        for name in (*self.plan.leaves, *self.plan.given_cotangents):
            var = self.plan.variables[name]
            first, count = self.names.first(name, None)
            number = "1 + draw()" if var.role == "constant" else "draw()"  # constants are often below a root
            if var.classes is not None:
                number = f"(int)((draw() + 0.5) * ({self.names.entries().size(var.classes)}))"
            yield f"  for (int at = 0; at < {count}; at++) ({first})[at] = {number};"
        for name in self.plan.initial:
            if self.plan.variables[name].classes is None:
                for position in self.plan.boundaries[name]:
                    first, count = self.names.first(name, position)
                    yield f"  for (int at = 0; at < {count}; at++) ({first})[at] = draw();"
