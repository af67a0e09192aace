"""The models as any textbook writes them.

Effects as themselves, no coordinates of ours, every student or row in the likelihood. Used by
benchmarks and tests.
"""

import numpy as np

# M3, effects non-centred; M1 and M2 leave terms out.
ACHIEVEMENT = """
data {{
  int N; int F; int J; int C; int P;
  array[N] int y; array[N] int n; array[N] int cell; array[N] int school; array[N] int cohort; array[N] int subject;
}}
parameters {{
  vector[F] fixed; real<lower=0> sd_school; real<lower=0> sd_cohort; real<lower=0> sd_subject;
  vector[J] a; vector[C] b; vector[P] p;
}}
model {{
  mean(fixed) ~ normal(0, 2.5);
  fixed - mean(fixed) ~ normal(0, 2.5);
  sd_school ~ student_t(3, 0, 2.5); sd_cohort ~ student_t(3, 0, 2.5); sd_subject ~ student_t(3, 0, 2.5);
  a ~ std_normal(); b ~ std_normal(); p ~ std_normal();
  y ~ binomial_logit(n, fixed[cell] + sd_school * a[school] {terms});
}}
generated quantities {{ vector[J] effect = sd_school * a; }}
"""
TERMS = {
    "M1": "",
    "M2": "+ sd_cohort * b[cohort]",
    "M3": "+ sd_cohort * b[cohort] + sd_subject * p[subject]",
}

# Spike and slab on the scale intercepts: a mixture of two likelihoods a school, over its students
# one by one.
CONSISTENCY = """
data {
  int N; int J; vector[N] y; array[J] int first; array[J] int last; real mean_y; real sd_y;
}
parameters {
  real location; real scale; real<lower=0> sd_location; real<lower=0> sd_scale; real<lower=-1, upper=1> correlation;
  vector[J] u; vector[J] z;
}
transformed parameters {
  vector[J] t = sd_scale * (correlation / sd_location * u + sqrt(1 - square(correlation)) * z);
  vector[J] on; vector[J] off;
  for (j in 1 : J) {
    on[j] = normal_lpdf(y[first[j] : last[j]] | location + u[j], exp(scale + t[j]));
    off[j] = normal_lpdf(y[first[j] : last[j]] | location + u[j], exp(scale));
  }
}
model {
  location ~ normal(mean_y, 3 * sd_y); scale ~ normal(log(sd_y), 3);
  sd_location ~ student_t(3, 0, sd_y); sd_scale ~ student_t(3, 0, 1);
  u ~ normal(0, sd_location); z ~ std_normal();
  for (j in 1 : J) target += log_mix(0.5, on[j], off[j]);
}
generated quantities {
  vector[J] mu = location + u;
  vector[J] pip = inv_logit(on - off);
}
"""


def achievement(design, model):
    "The program of M1, M2 or M3 and its data, from a `Design`"
    d = design
    return ACHIEVEMENT.format(terms=TERMS[model]), dict(
        N=len(d.y),
        F=d.F,
        J=d.J,
        C=d.C,
        P=d.P,
        y=d.y,
        n=d.n,
        cell=d.cell + 1,
        school=d.school + 1,
        cohort=d.cohort + 1,
        subject=d.subject + 1,
    )


def consistency(schools, students):
    "The program and its data: `schools` as in `Scores`, `students` with school and score"
    place = {s: j for j, s in enumerate(schools)}
    school = students.school.map(place).to_numpy()
    y = students.score.to_numpy(float)[np.argsort(school, kind="stable")]
    n = np.bincount(school, minlength=len(place))
    last = n.cumsum()
    return CONSISTENCY, dict(
        N=len(y), J=len(n), y=y, first=last - n + 1, last=last, mean_y=y.mean(), sd_y=y.std(ddof=1)
    )
