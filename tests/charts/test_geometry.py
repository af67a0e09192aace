"Labels never touch, and densities hold their mass."

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolvar.charts.geometry import density_bands, place_labels, ridges, stack_labels


def boxes(x, y, text, spots, width, height, font=11):
    "The rectangles that the shown labels take."
    out = []
    for across, up, label, spot in zip(x, y, text, spots.itertuples(), strict=True):
        if not spot.shown:
            continue
        size = 0.58 * font * len(label)
        left = across * width + spot.dx
        left -= {"left": 0, "right": size, "center": size / 2}[spot.align]
        middle = (1 - up) * height + spot.dy
        out.append((left, middle - font / 2, left + size, middle + font / 2))
    return out


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 1), st.text("abcXYZ 0", min_size=1, max_size=16)),
        max_size=25,
    ),
    st.integers(240, 1100),
)
def test_labels_never_overlap(points, width):
    "No two labels touch, at any width between a phone and a desk."
    x, y, text = ([p[k] for p in points] for k in range(3))
    spots = place_labels(x, y, text, 280)
    found = boxes(x, y, text, spots, width, 280)
    for i, a in enumerate(found):
        for b in found[:i]:
            assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-50, 400), max_size=20))
def test_stacked_labels_keep_their_distance_and_order(y):
    out = stack_labels(y, 280)
    assert (np.diff(np.sort(out)) >= 12 - 1e-9).all()
    assert (np.diff(out[np.argsort(y, kind="stable")]) > 0).all()
    if len(y):
        assert out.max() <= 280


def test_bands_hold_their_mass():
    draws = np.random.default_rng(1).gamma(2, size=20_000)
    bands = density_bands(draws)
    for mass in (0.5, 0.8, 0.95):
        x = bands[bands.mass <= mass].x
        assert abs(((draws >= x.min()) & (draws <= x.max())).mean() - mass) < 0.01


def test_the_atom_stays_out_of_the_density():
    rng = np.random.default_rng(0)
    slab = rng.normal(0.3, 0.05, 4000)
    curves, atoms = ridges({"a": np.where(rng.random(4000) < 0.4, 0, slab), "b": np.zeros(500)})
    area = np.trapezoid(curves.density, curves.x)
    assert abs(area - (1 - atoms.at_zero[0])) < 0.02 and curves.x.abs().min() > 0.05
    assert atoms.at_zero[1] == 1
