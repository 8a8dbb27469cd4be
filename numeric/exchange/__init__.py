"""Weights of PyTorch, Keras, ONNX and Flax into the parameters of a system, and back.

>>> import derive, numpy as np
>>> weights = {"weight_ih_l0": np.ones((12, 4)), "weight_hh_l0": np.ones((12, 3))}
>>> weights |= {"bias_ih_l0": np.zeros(12), "bias_hh_l0": np.zeros(12)}
>>> system, parameters = read("pytorch", weights)
>>> system.name, parameters["W_f"].shape
('lstm', (3, 7))
>>> {name: array.shape for name, array in dump("keras", parameters, system).items()}
{'kernel': (4, 12), 'recurrent_kernel': (3, 12), 'bias': (12,)}

Initial and final states go the same way (`load_states`, `dump_states`).  Layouts are tables
(`numeric.exchange.layouts`); where a system keeps its weights is read off its equations (`numeric.exchange.places`).
"""

from numeric.exchange.convert import dump, load, read, system_of
from numeric.exchange.files import read_weights
from numeric.exchange.names import tree
from numeric.exchange.states import dump_states, load_states

__all__ = ["dump", "dump_states", "load", "load_states", "read", "read_weights", "system_of", "tree"]
