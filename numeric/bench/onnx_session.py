"""ONNX Runtime: its RNN, GRU and LSTM operators, forward alone.

Read next: `numeric.bench.records`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numeric.bench.contender import FORWARD, Action, NotMeasured, Ready
from numeric.bench.task import Task
from numeric.bench.torch_layer import LAYERS, stacked

# ONNX's order of the gates, as places in PyTorch's
ORDER = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru-reset-after": (1, 0, 2)}


def session(task: Task) -> Ready:
    """An inference session of one operator.

    Raises:
        NotMeasured: for a cell that ONNX has no operator of, or a dtype that the runtime has none for.
    """
    if task.kind not in LAYERS:
        raise NotMeasured(f"ONNX has no operator that is {task.system.name}")
    try:
        import onnx
    except ModuleNotFoundError:
        raise NotMeasured("onnx is not installed") from None
    import onnxruntime

    if task.dtype != "float32":
        raise NotMeasured(f"its operators are compared in float32, not {task.dtype}")
    kind = LAYERS[task.kind][0]
    w, r, first, second = (_ordered(task, array) for array in stacked(task))
    bias = np.concatenate([first, second])
    weights = [onnx.numpy_helper.from_array(a[None], n) for a, n in ((w, "W"), (r, "R"), (bias, "B"))]
    keywords = {"linear_before_reset": 1} if kind == "GRU" else {}
    node = onnx.helper.make_node(kind, ["X", "W", "R", "B"], ["Y"], hidden_size=task.sizes.states, **keywords)
    x = task.only[0]
    real = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "cell",
        [onnx.helper.make_tensor_value_info("X", real, x.shape)],
        [onnx.helper.make_tensor_value_info("Y", real, None)],
        weights,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = task.threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    run = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Ready({FORWARD: Action(lambda: run.run(None, {"X": x})[0], lambda y: {"h": y[:, 0]})})


def _ordered(task: Task, array: Any) -> Any:
    parts = np.split(array, len(LAYERS[task.kind][1]))
    return np.ascontiguousarray(np.concatenate([parts[place] for place in ORDER[task.kind]]))
