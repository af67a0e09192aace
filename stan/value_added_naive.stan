// Value added, the earlier quality taken as known. Later grade, school j, cohort c, cell k (year x subject):
//   y ~ Binomial(n, inv_logit(beta[k] + slope * x[j] + v[j] + c[c])),  v[j] ~ Normal(0, sd_value_added),  c ~ Normal(0, sd_cohort),
// where x[j] is the posterior mean of school j from the earlier grade. Its uncertainty is left out.
// Source: Stage 2 of the reference study without measurement error (schoolvar, DESIGN section 3).
// Coordinates as in value_added_joint.stan.
functions {
#include value_added.stanfunctions
}
data {
  int<lower=2> K; // schools with both grades
  int<lower=1> N_l; // rows: school x year x subject
  int<lower=1> C_l; // cohorts: school x year
  int<lower=2> F_l; // cells: year x subject
  int<lower=1> D_l; // most cohorts of a school
  array[N_l] int<lower=0> y_l; // successes
  array[N_l] int<lower=1> n_l; // students
  array[N_l] int<lower=1, upper=F_l> cell_l;
  array[N_l] int<lower=1, upper=C_l> cohort_l;
  array[C_l] int<lower=1, upper=K> school_l; // of each cohort
  array[D_l, K] int<lower=1, upper=C_l + 1> cohorts_l; // of each school; C_l + 1 is none
  vector[K] quality; // earlier quality, logits
  // Priors
  real<lower=0> prior_cell; // SD of a cell, logits
  real<lower=0> prior_slope; // SD of the slope, logits a logit
  real<lower=0> prior_sd; // scale of the half-Student-t(3) of each SD, logits
  // Coordinates, no part of the model
  matrix[C_l, F_l] weights_l; // of the cells in a cohort; rows sum to one
  vector[C_l] logit_l; // mean empirical logit of a cohort
  vector<lower=0>[C_l] precision_l;
  matrix[F_l, F_l] basis_l; // orthonormal; the first column is the mean level
  vector[F_l] at_l;
  vector<lower=0>[F_l] by_l;
  real typical; // mean earlier quality
  real slope_at;
  real<lower=0> slope_by;
  vector<lower=0>[2] sd_unit; // an SD is |unit * sinh(t)|: value added, cohorts
  vector[2] sd_at;
  vector<lower=0>[2] sd_by;
}
transformed data {
  vector[C_l] noise_l = inv(precision_l);
}
parameters {
  vector<offset=at_l, multiplier=by_l>[F_l] level_l;
  real<offset=slope_at, multiplier=slope_by> slope; // later effect per logit of earlier quality
  vector<offset=sd_at, multiplier=sd_by>[2] t;
  vector[K] z_value;
  vector[C_l] z_cohort_l;
}
transformed parameters {
  vector[2] s = sd_unit .* sinh(t); // signed SDs
  real sd_value_added = abs(s[1]);
  real sd_cohort_later = abs(s[2]);
  vector[F_l] cell_later;
  vector[K] value_added;
  vector[K] later_effect;
  vector[C_l] cohort_later;
  real effects_lp;
  {
    vector[F_l] moved = level_l;
    moved[1] -= typical * (slope - slope_at) * sum(basis_l[ : , 1]);
    cell_later = basis_l * moved;
    vector[C_l] x_l = logit_l - weights_l * cell_later;
    vector[C_l] r_l = inv(square(s[2]) + noise_l);
    vector[K] R = school_sums(r_l, cohorts_l);
    vector[K] value = whitened(z_value, s[1], R, school_sums(r_l .* x_l, cohorts_l) - R .* (slope * quality));
    value_added = s[1] * value;
    later_effect = slope * quality + value_added;
    vector[C_l] c_l = whitened(z_cohort_l, s[2], precision_l, precision_l .* (x_l - later_effect[school_l]));
    cohort_later = s[2] * c_l;
    effects_lp = whitened_lpdf(value | s[1], R) + whitened_lpdf(c_l | s[2], precision_l);
  }
  real lprior = normal_lpdf(cell_later | 0, prior_cell) + normal_lpdf(slope | 0, prior_slope)
                + half_student_t_lpdf(sd_value_added | 3, prior_sd) + half_student_t_lpdf(sd_cohort_later | 3, prior_sd);
}
model {
  target += lprior + sum(log(cosh(t))) + effects_lp; // d s / d t = unit * cosh(t)
  y_l ~ binomial_logit(n_l, cell_later[cell_l] + (later_effect[school_l] + cohort_later)[cohort_l]);
}
