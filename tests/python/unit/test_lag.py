"""What a commit's way takes, from samples of how far each layer was."""

from __future__ import annotations

import numpy as np
import pytest

from infra.errors import FinhouseError
from infra.transform.lag import visible_at, visible_in_answer

SAMPLES = [(10.0, 4), (10.1, 4), (10.2, 7), (10.3, 9)]


def test_the_first_sample_that_shows_an_offset_counts() -> None:
    assert visible_at("gold", SAMPLES, np.array([4, 5, 7, 8])).tolist() == [10.0, 10.2, 10.2, 10.3]


def test_what_no_sample_shows_is_an_error_that_names_the_layer() -> None:
    with pytest.raises(FinhouseError, match="1 changes did not reach gold"):
        visible_at("gold", SAMPLES, np.array([9, 10]))


def test_the_live_view_shows_an_offset_with_the_answer_to_the_next_question() -> None:
    answers = [(10.05, 0.5), (11.05, 0.2)]
    arrived = np.array([10.0, 10.05, 10.2, 12.0])
    found = visible_in_answer(answers, arrived)
    assert found.tolist() == pytest.approx([10.5, 10.55, 10.4, 12.2])
