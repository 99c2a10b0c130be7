"""The quick median is the median."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gait.pose.medians import median


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(-1e6, 1e6)))
def test_is_numpys(values):
    assert median(values) == np.median(values)
