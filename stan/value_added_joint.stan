// Value added, both grades in one model. Earlier grade e, later grade l, school j, cohort c
// (school x year), cell k (year x subject):
//   y_e ~ Binomial(n, inv_logit(beta_e[k] + a[j] + c_e[c])),
//   y_l ~ Binomial(n, inv_logit(beta_l[k] + slope * a[j] + v[j] + c_l[c])),
// a ~ Normal(0, sd_school), c_e ~ Normal(0, sd_cohort_earlier), v ~ Normal(0, sd_value_added),
// c_l ~ Normal(0, sd_cohort_later).
// Source: the two stages of the reference study made one model (schoolvar, DESIGN section 3).
// Coordinates: each effect is its Gaussian conditional given the empirical logits (a with v and the
// cohorts integrated out, v given a, cohorts given both), from a standard normal; hyper-parameters
// are centred and scaled by moment estimates. These change the sampler's path, not the posterior.
functions {
  #include functions/half_student_t.stanfunctions
  #include functions/school_sums.stanfunctions

  #include functions/whitened.stanfunctions

  #include functions/binomial.stanfunctions
}
data {
  int<lower=2> J; // schools with the earlier grade; the first K have the later grade too
  int<lower=2, upper=J> K; // schools with both grades
  // Earlier grade
  int<lower=1> N_e; // rows: school x year x subject
  int<lower=1> C_e; // cohorts: school x year
  int<lower=2> F_e; // cells: year x subject
  int<lower=1> D_e; // most cohorts of a school
  array[N_e] int<lower=0> y_e; // successes
  array[N_e] int<lower=1> n_e; // students
  array[N_e] int<lower=1, upper=F_e> cell_e; // of each row
  array[N_e] int<lower=1, upper=C_e> cohort_e; // of each row
  array[C_e] int<lower=1, upper=J> school_e; // of each cohort
  array[D_e, J] int<lower=1, upper=C_e + 1> cohorts_e; // of each school; C_e + 1 is none
  // Later grade, likewise
  int<lower=1> N_l;
  int<lower=1> C_l;
  int<lower=2> F_l;
  int<lower=1> D_l;
  array[N_l] int<lower=0> y_l;
  array[N_l] int<lower=1> n_l;
  array[N_l] int<lower=1, upper=F_l> cell_l;
  array[N_l] int<lower=1, upper=C_l> cohort_l;
  array[C_l] int<lower=1, upper=K> school_l;
  array[D_l, K] int<lower=1, upper=C_l + 1> cohorts_l;
  // Priors
  real<lower=0> prior_cell; // SD of a cell, logits
  real<lower=0> prior_slope; // SD of the slope, logits a logit
  real<lower=0> prior_sd; // scale of the half-Student-t(3) of each SD, logits
  // Coordinates, no part of the model. Of each cohort: weights of the cells (rows sum to one), mean
  // empirical logit, precision
  matrix[C_e, F_e] weights_e;
  vector[C_e] logit_e;
  vector<lower=0>[C_e] precision_e;
  matrix[C_l, F_l] weights_l;
  vector[C_l] logit_l;
  vector<lower=0>[C_l] precision_l;
  matrix[F_e, F_e] basis_e; // orthonormal; the first column is the mean level
  matrix[F_l, F_l] basis_l;
  vector[F_e] at_e; // centres and scales in that basis
  vector<lower=0>[F_e] by_e;
  vector[F_l] at_l;
  vector<lower=0>[F_l] by_l;
  real level_shift; // what the later level moves with the earlier one
  real typical; // mean earlier quality of schools with both grades
  real slope_at; // centre and scale of the slope
  real<lower=0> slope_by;
  // An SD is |unit * sinh(t)|: school, value added, cohorts earlier, cohorts later
  vector<lower=0>[4] sd_unit; // logits
  vector[4] sd_at; // centre and scale of t
  vector<lower=0>[4] sd_by;
}
transformed data {
  vector[N_l] successes_l = to_vector(y_l);
  vector[N_l] trials_l = to_vector(n_l);
  vector[N_e] successes_e = to_vector(y_e);
  vector[N_e] trials_e = to_vector(n_e);
  vector[C_e] noise_e = inv(precision_e);
  vector[C_l] noise_l = inv(precision_l);
}
parameters {
  vector<offset=at_e, multiplier=by_e>[F_e] level_e;
  vector<offset=at_l, multiplier=by_l>[F_l] level_l;
  real<offset=slope_at, multiplier=slope_by> slope; // later effect per logit of earlier quality
  vector<offset=sd_at, multiplier=sd_by>[4] t;
  vector[J] z_quality;
  vector[K] z_value;
  vector[C_e] z_cohort_e;
  vector[C_l] z_cohort_l;
}
transformed parameters {
  vector[4] s = sd_unit .* sinh(t); // signed SDs, logits
  real sd_school = abs(s[1]);
  real sd_value_added = abs(s[2]);
  real sd_cohort_earlier = abs(s[3]);
  real sd_cohort_later = abs(s[4]);
  // Cells and effects, logits
  vector[F_e] cell_earlier = basis_e * level_e;
  vector[F_l] cell_later;
  vector[J] earlier_quality;
  vector[K] value_added;
  vector[K] later_effect;
  vector[C_e] cohort_earlier;
  vector[C_l] cohort_later;
  real effects_lp; // log density of the whitened effects
  {
    vector[F_l] moved = level_l;
    moved[1] += level_shift * (level_e[1] - at_e[1])
                - typical * (slope - slope_at) * sum(basis_l[ : , 1]);
    cell_later = basis_l * moved;
    vector[C_e] x_e = logit_e - weights_e * cell_earlier;
    vector[C_l] x_l = logit_l - weights_l * cell_later;
    vector[C_e] r_e = inv(square(s[3]) + noise_e);
    vector[C_l] r_l = inv(square(s[4]) + noise_l);
    vector[K] R = school_sums(r_l, cohorts_l);
    vector[K] S = school_sums(r_l .* x_l, cohorts_l);
    vector[K] W = inv(R); // variance of a school's later mean about its effect
    vector[K] seen = inv(1 + square(s[2]) * R); // of the later grade, what value added leaves
    vector[J] P = school_sums(r_e, cohorts_e);
    vector[J] T = school_sums(r_e .* x_e, cohorts_e);
    P[1 : K] += square(slope) * R .* seen;
    T[1 : K] += slope * S .* seen;
    vector[J] V = inv(P); // what the other effects and chance leave of a school
    vector[J] quality = whitened(s[1], T .* V, V, z_quality);
    earlier_quality = s[1] * quality;
    vector[K] expected = slope * earlier_quality[1 : K];
    vector[K] value = whitened(s[2], S .* W - expected, W, z_value);
    value_added = s[2] * value;
    later_effect = expected + value_added;
    vector[C_e] c_e = whitened(s[3], x_e - earlier_quality[school_e], noise_e, z_cohort_e);
    vector[C_l] c_l = whitened(s[4], x_l - later_effect[school_l], noise_l, z_cohort_l);
    cohort_earlier = s[3] * c_e;
    cohort_later = s[4] * c_l;
    effects_lp = whitened_density(quality, s[1], V) + whitened_density(value, s[2], W)
                 + whitened_density(c_e, s[3], noise_e) + whitened_density(
                 c_l, s[4], noise_l);
  }
  real lprior = normal_lpdf(cell_earlier | 0, prior_cell) + normal_lpdf(cell_later | 0, prior_cell)
                + normal_lpdf(slope | 0, prior_slope)
                + half_student_t_lpdf(sd_school | 3, prior_sd)
                + half_student_t_lpdf(sd_value_added | 3, prior_sd)
                + half_student_t_lpdf(sd_cohort_earlier | 3, prior_sd)
                + half_student_t_lpdf(sd_cohort_later | 3, prior_sd);
}
model {
  target += lprior + sum(log(cosh(t))) + effects_lp; // d s / d t = unit * cosh(t)
  vector[C_e] group_e = earlier_quality[school_e] + cohort_earlier; // of each cohort, logits
  target += binomial_logit_kernel(successes_e, trials_e, cell_earlier[cell_e] + group_e[cohort_e]);
  vector[C_l] group_l = later_effect[school_l] + cohort_later; // of each cohort, logits
  target += binomial_logit_kernel(successes_l, trials_l, cell_later[cell_l] + group_l[cohort_l]);
}
