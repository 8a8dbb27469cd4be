"""The check on a part of the corpus: ``python -m tests.corpus.figures --half both`` prints the figures of all of it."""

import pytest

from numeric.check.arrays import check_arrays
from tests.corpus import load
from tests.corpus.figures import graded

IMPLEMENTATIONS = [load.read(path) for path in load.paths()]


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS, ids=lambda i: i.name)
def test_correct_code_is_not_flagged(implementation):
    verdict = check_arrays(load.dump(implementation), cell=implementation.cell)
    assert verdict.verdict == "correct", verdict


@pytest.mark.parametrize("implementation", [i for i in IMPLEMENTATIONS if not i.held_out], ids=lambda i: i.name)
def test_a_mistake_is_found_and_explained(implementation):
    """One of each file; the first, for which other tests stand too, are the commonest."""
    mistake = [m for m in implementation.mistakes if not m.stacked and m.verdict == "wrong"][-1]
    verdict = check_arrays(load.dump(implementation, mistake), cell=implementation.cell, budget=20)
    assert graded((implementation, mistake), verdict).startswith("right"), verdict


MENDED = [  # what the check did not know when it met them; each is a kind of mistake that no other file has
    ("impl_09_brnn_readout", "halves exchanged"),
    ("fresh/impl_74_additive_attention_gru_decoder", "keys of the last step"),
    ("later/impl_79_lstm_nodes_first_unit", "output gate with the tanh it has not"),
    ("later/impl_86_projected_lstm_function", "projection of the outputs only"),
    ("later/impl_88_fo_pooling_kernel_f32", "gate without z"),
    ("later/impl_89_bigru_fw_bw_reset_after", "halves exchanged"),
    ("later/impl_91_gru_translation_teacher_forcing", "source words overwritten"),
    ("later/impl_93_row_by_row_digits_f32", "read-out of the last but one"),
    ("last/impl_102_char_lstm_param_objects", "h without the tanh of C"),
    ("last/impl_103_lstm_weight_ih_f32", "grad_hn for every step"),
    ("last/impl_103_lstm_weight_ih_f32", "cells collected as output"),
    ("last/impl_104_lstm_plain_c_loops_f32", "d_wh[g][k][j]"),
    ("last/impl_107_bilstm_rows_concat", "carries tanh of c"),
    ("last/impl_111_gru_reset_after_hn_f32", "reset gate's delta without hn"),
    ("last/impl_111_gru_reset_after_hn_f32", "dh_n twice"),
    ("last/impl_112_gru_text_vectors", "columns of W overwritten"),
    ("last/impl_114_bahdanau_translation_pair", "keys' gradient of one word"),
]


@pytest.mark.parametrize(("name", "said"), MENDED)
def test_what_was_once_unexplained_is_explained(name, said):
    implementation = load.read(load.HERE / f"{name}.py")
    mistake = next(m for m in implementation.mistakes if m.name == said)
    verdict = check_arrays(load.dump(implementation, mistake), cell=implementation.cell, budget=30)
    assert graded((implementation, mistake), verdict).startswith("right"), verdict
