"Sufficient statistics do not depend on the order or the batches."

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from hypothesis import given
from hypothesis import strategies as st

from schoolvar.data.moments import SchoolMoments, batch_moments, merge_moments
from tests.data.made_tables import numbers, quick


@quick
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), numbers), min_size=1, max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
    st.floats(-1e7, 1e7),
)
def test_moments_of_any_split_are_those_of_the_whole(rows, cuts, shift):
    rows = [(s, v + shift) for s, v in rows]
    m = SchoolMoments()
    edges = [0, *sorted(min(c, len(rows)) for c in cuts), len(rows)]
    for lo, hi in itertools.pairwise(edges):
        if hi > lo:
            m.add(pa.array([s for s, _ in rows[lo:hi]]), np.array([v for _, v in rows[lo:hi]]))
    for school, i in m.index.items():
        v = np.array([x for s, x in rows if s == school])
        scale = max(abs(v).max(), 1)
        assert m.n[i] == len(v)
        np.testing.assert_allclose(m.mean[i], v.mean(), atol=1e-9 * scale)
        np.testing.assert_allclose(
            m.ss[i], ((v - v.mean()) ** 2).sum(), rtol=1e-6, atol=1e-8 * scale
        )
    every = np.array([v for _, v in rows])
    np.testing.assert_allclose(
        m.total()[2],
        ((every - every.mean()) ** 2).sum(),
        rtol=1e-6,
        atol=1e-7 * max(abs(every).max(), 1),
    )


def test_moments_do_not_cancel():
    "Scores far from zero: the textbook formula would give garbage here."
    v = 1e9 + np.array([1.0, 2.0, 3.0, 4.0])
    a, b = (batch_moments(np.zeros(2, int), p, 1) for p in (v[:2], v[2:]))
    n, mean, ss = merge_moments(a, b)
    assert (n[0], mean[0], ss[0]) == (4, 1e9 + 2.5, 5)
