"""Numbers for equations: kernels in NumPy, cells, and checks by independent means."""

from numeric.cells import GRU, LSTM, RNN, Cell
from numeric.kernel import Kernel, compile
from numeric.lambdify import lambdify
from numeric.reference import evaluate
from numeric.results import Gradients, Run
from numeric.verify import verify

__all__ = ["GRU", "LSTM", "RNN", "Cell", "Gradients", "Kernel", "Run", "compile", "evaluate", "lambdify", "verify"]
