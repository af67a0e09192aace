// Value added, the earlier quality taken as measured with classical error: value_added_naive.stan and, for school j,
//   measured[j] ~ Normal(x[j], measured_sd[j]),  x[j] ~ Normal(mean_quality, sd_quality),
// one latent value a school. `measured` is a posterior mean with its posterior SD, as in brms's me(): an approximation,
// since the error of a posterior mean is of Berkson type.
// Source: Stage 2 of the reference study (schoolvar, DESIGN section 3), with one latent value a school, not a row.
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
  vector[K] measured; // earlier quality: posterior mean, logits
  vector<lower=0>[K] measured_sd; // and posterior SD
  // Priors
  real<lower=0> prior_cell; // SD of a cell, logits
  real<lower=0> prior_slope; // SD of the slope, logits a logit
  real<lower=0> prior_sd; // scale of the half-Student-t(3) of each SD, logits
  real<lower=0> prior_mean; // SD of the mean earlier quality, logits
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
  real<lower=0> typical_by;
  vector<lower=0>[3] sd_unit; // an SD is |unit * sinh(t)|: value added, cohorts, quality
  vector[3] sd_at;
  vector<lower=0>[3] sd_by;
}
transformed data {
  vector[C_l] noise_l = inv(precision_l);
  vector[K] known = inv_square(measured_sd);
}
parameters {
  vector<offset=at_l, multiplier=by_l>[F_l] level_l;
  real<offset=slope_at, multiplier=slope_by> slope; // later effect per logit of earlier quality
  real<offset=typical, multiplier=typical_by> mean_quality; // of schools with both grades
  vector<offset=sd_at, multiplier=sd_by>[3] t;
  vector[K] z_quality;
  vector[K] z_value;
  vector[C_l] z_cohort_l;
}
transformed parameters {
  vector[3] s = sd_unit .* sinh(t); // signed SDs
  real sd_value_added = abs(s[1]);
  real sd_cohort_later = abs(s[2]);
  real sd_quality = abs(s[3]);
  vector[F_l] cell_later;
  vector[K] earlier_quality;
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
    vector[K] S = school_sums(r_l .* x_l, cohorts_l);
    vector[K] seen = inv(1 + square(s[1]) * R); // of the later grade, what value added leaves
    vector[K] P = known + square(slope) * R .* seen;
    vector[K] quality = whitened(z_quality, s[3], P, known .* measured + slope * S .* seen - P * mean_quality);
    earlier_quality = mean_quality + s[3] * quality;
    vector[K] value = whitened(z_value, s[1], R, S - R .* (slope * earlier_quality));
    value_added = s[1] * value;
    later_effect = slope * earlier_quality + value_added;
    vector[C_l] c_l = whitened(z_cohort_l, s[2], precision_l, precision_l .* (x_l - later_effect[school_l]));
    cohort_later = s[2] * c_l;
    effects_lp = whitened_lpdf(quality | s[3], P) + whitened_lpdf(value | s[1], R) + whitened_lpdf(c_l | s[2], precision_l);
  }
  real lprior = normal_lpdf(cell_later | 0, prior_cell) + normal_lpdf(slope | 0, prior_slope) + normal_lpdf(mean_quality | 0, prior_mean)
                + half_student_t_lpdf(sd_value_added | 3, prior_sd) + half_student_t_lpdf(sd_cohort_later | 3, prior_sd) + half_student_t_lpdf(sd_quality | 3, prior_sd);
}
model {
  measured ~ normal(earlier_quality, measured_sd);
  target += lprior + sum(log(cosh(t))) + effects_lp; // d s / d t = unit * cosh(t)
  y_l ~ binomial_logit(n_l, cell_later[cell_l] + (later_effect[school_l] + cohort_later)[cohort_l]);
}
