"""Small data for every program, and points at which its log density and gradient are known (tests/frozen/densities.npz).

The frozen values were made when M1, M2, M3 and their extensions were eight programs of their own, and before any program was
formatted; `python tests/densities.py NAME ...` adds the values of new cases and leaves the others as they are.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

FROZEN = Path(__file__).parent / "frozen" / "densities.npz"
POINTS = 3
LADDER = [
    ("M0", None),
    ("M1", None),
    ("M2", None),
    ("M3", None),
    ("M1", "district"),
    ("M2", "district"),
    ("M3", "district"),
    ("M3", "row"),
    ("M3", "betabinomial"),
]


def achievement(model, extra, slopes):
    "Five schools, two years, two subjects, with gaps"
    from schoolvar.achievement.design import prepare
    from schoolvar.achievement.ladder import extension_arguments, prior_scales, program_of
    from schoolvar.achievement.whitening import program_data
    from schoolvar.data.counts import read_counts
    from schoolvar.data.simulate import simulate_counts

    frame = simulate_counts(
        5, years=(2023, 2024), subjects=("Math", "Reading"), students=20, seed=2
    ).frame
    frame = frame.drop(index=[1, 6, 7]).reset_index(drop=True)
    ses = pd.DataFrame(
        dict(school_id=sorted(frame["school_id"].unique()), ses=[-1.3, 0.2, 0.4, 0.9, 1.1])
    )
    frame["district_id"] = frame["school_id"].map(dict(zip(ses["school_id"], "aabbc")))
    counts = read_counts(frame)
    _, design, _ = prepare(
        counts, model, covariates=ses if slopes else None, district=extra == "district"
    )
    data = program_data(design, model, prior_scales(model), **extension_arguments(extra))
    return program_of(model), data


def value_added(method):
    "Six schools in two grades, one of them in the earlier grade only"
    from schoolvar.data.counts import read_counts
    from schoolvar.data.simulate import simulate_two_grades
    from schoolvar.value_added.grades import prepare_two_grades
    from schoolvar.value_added.methods import method_inputs

    frame = simulate_two_grades(6, years=(2022, 2023), students=30, seed=4).frame
    frame = frame[
        (frame["school_id"] != frame["school_id"].max()) | (frame["grade"] == frame["grade"].min())
    ]
    two = prepare_two_grades(read_counts(frame))
    at, error = np.linspace(-0.6, 0.7, len(two.schools)), np.linspace(0.1, 0.2, len(two.schools))
    quality = pd.DataFrame(dict(school_id=two.schools, mean=at, sd=error))
    inputs = method_inputs(method, two, quality)
    return inputs["program"], inputs["data"]


def consistency(kind, prior, robust):
    "Five schools of twelve students: intercepts, with a covariate of students, with a random slope"
    from schoolvar.consistency.model import make_model, program_data
    from schoolvar.consistency.priors import inclusion_data
    from schoolvar.data.scores import read_scores
    from schoolvar.data.simulate import simulate_scores

    frame = simulate_scores(n_schools=5, students=12, seed=3).frame
    frame["ses"] = np.round(np.sin(np.arange(len(frame))), 2)
    scores = read_scores(frame, covariates=["ses"])
    formulas = dict(
        schools={}, students=dict(location="ses"), slopes=dict(location="ses + (1 + ses | school)")
    )[kind]
    model = make_model(scores, **formulas)
    return model.program, program_data(
        model, scores.mean, scores.sd, inclusion_data(prior, None, 5)[0], robust=robust
    )[0]


CASES = {
    f"{m}{'+' + e if e else ''}{' slopes' if s else ''}": (achievement, m, e, s)
    for m, e in LADDER
    for s in (False, True)
}
CASES |= {f"value added {m}": (value_added, m) for m in ("naive", "me", "joint")}
CASES |= {
    f"consistency {k}{' learned' if p == 'learn' else ''}{' robust' if r else ''}": (
        consistency,
        k,
        p,
        r,
    )
    for k in ("schools", "students", "slopes")
    for p, r in ((0.3, False), ("learn", k != "schools"))
}


def model_of(case):
    "The case's program with its data, as stanli runs it"
    import stanli

    from schoolvar.sampling.engine import plain
    from schoolvar.sampling.programs import read_program

    make, *arguments = CASES[case]
    program, data = make(*arguments)
    return stanli.Model(
        stan_code=read_program(program)[1], data={k: plain(v) for k, v in data.items()}
    )


def points(case, n):
    "A few points about the centre of the sampler's coordinates"
    rng = np.random.default_rng([int.from_bytes(case.encode()[-8:], "little"), n])
    return np.round(rng.standard_normal((POINTS, n)), 2)


def evaluate(model, at):
    "Log densities (points,) and gradients (points, unknowns)"
    each = [model.log_prob_grad(q) for q in at]
    return np.array([lp for lp, _ in each]), np.array([g for _, g in each])


def main(names):
    kept = dict(np.load(FROZEN)) if FROZEN.is_file() else {}
    for case in names or CASES:
        model = model_of(case)
        at = points(case, model.n_unconstrained)
        lp, gradient = evaluate(model, at)
        assert np.isfinite(lp).all() and np.isfinite(gradient).all(), case
        kept |= {f"{case}|at": at, f"{case}|lp": lp, f"{case}|gradient": gradient}
        print(case, at.shape, lp)
    np.savez_compressed(FROZEN, **kept)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main(sys.argv[1:])
