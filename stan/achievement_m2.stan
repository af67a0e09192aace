// M2, the school and its cohorts: M1 and a term for each school x year, cohort_c ~ Normal(0, sd_cohort).
// y_i ~ Binomial(n_i, inv_logit(cell[k_i] + x_i' slope + school[j_i] + cohort[c_i])), the rest as in M1.
// Coordinates (notebook 30_coordinates): each effect is its Gaussian conditional given the empirical logits, from a standard
// normal, so that the sampler meets an almost spherical density whatever the number of schools and students.
functions {
#include whitened.stanfunctions
}
data {
  int<lower=1> N; // rows: school x year x subject
  int<lower=1> J; // schools
  int<lower=1> C; // cohorts: school x year
  int<lower=1> F; // cells: year x subject (one cell is an intercept)
  int<lower=0> Q; // covariate columns
  array[N] int<lower=0> y; // successes
  array[N] int<lower=1> n; // trials
  array[N] int<lower=1, upper=F> cell_of;
  array[N] int<lower=1, upper=C> cohort_of; // of each row
  array[C] int<lower=1, upper=J> cohort_school; // of each cohort
  matrix[N, Q] X; // covariates, centred

  // Fixed effects (cells, then slopes): centre and Cholesky factor of their approximate posterior.
  vector[F + Q] fixed_at;
  matrix[F + Q, F + Q] fixed_by;
  // A school's mean empirical logit, the fixed effects' weights in it, and its variance: binomial, and per unit of each variance.
  vector[J] school_logit;
  matrix[J, F + Q] school_fixed;
  vector<lower=0>[J] school_noise;
  vector<lower=0>[J] school_cohorts;
  // A cohort's, likewise.
  vector[C] cohort_logit;
  matrix[C, F + Q] cohort_fixed;
  vector<lower=0>[C] cohort_noise;
  // An SD is |unit * sinh(t)|: smooth through zero, logarithmic far from it; t is centred and scaled by moment estimates.
  real<lower=0> school_unit;
  real school_at;
  real<lower=0> school_by;
  real<lower=0> cohort_unit;
  real cohort_at;
  real<lower=0> cohort_by;

  // Prior scales, logits.
  real<lower=0> prior_intercept; // SD of the mean of the cells
  real<lower=0> prior_cell; // SD of a cell about that mean
  vector<lower=0>[Q] prior_slope; // SD of each slope, per unit of its covariate
  real<lower=0> prior_sd; // scale of the half-Student-t(3) of each SD
  int<lower=0, upper=1> want_rows; // 1: log_lik and y_rep of every row are kept
}
transformed data {
  vector[N] successes = to_vector(y);
  vector[N] trials = to_vector(n);
}
parameters {
  vector[F + Q] z_fixed;
  real<offset=school_at, multiplier=school_by> t_school;
  real<offset=cohort_at, multiplier=cohort_by> t_cohort;
  vector[J] z_school;
  vector[C] z_cohort;
}
transformed parameters {
  vector[F + Q] fixed = fixed_at + fixed_by * z_fixed;
  real s_school = school_unit * sinh(t_school);
  real s_cohort = cohort_unit * sinh(t_cohort);
  real<lower=0> sd_school = abs(s_school); // logits
  real<lower=0> sd_cohort = abs(s_cohort);
  vector[J] school; // effects, logits
  real lprior;
  real ldensity; // of the whitened school effects
  {
    vector[J] V = school_noise + square(s_cohort) * school_cohorts;
    vector[J] v = whitened(s_school, school_logit - school_fixed * fixed, V, z_school);
    school = s_school * v;
    ldensity = whitened_density(v, s_school, V);
    real level = mean(fixed[1 : F]);
    lprior = normal_lpdf(level | 0, prior_intercept)
             + normal_lpdf(fixed[1 : F] - level | 0, prior_cell)
             + normal_lpdf(tail(fixed, Q) | 0, prior_slope)
             + student_t_lpdf(sd_school | 3, 0, prior_sd)
             + student_t_lpdf(sd_cohort | 3, 0, prior_sd);
  }
}
model {
  vector[C] v = whitened(s_cohort, cohort_logit - cohort_fixed * fixed - school[cohort_school], cohort_noise, z_cohort);
  vector[C] cohort = school[cohort_school] + s_cohort * v; // school and cohort together, logits
  target += whitened_density(v, s_cohort, cohort_noise);
  target += lprior + ldensity + log(cosh(t_school)) + log(cosh(t_cohort));
  target += binomial_logit_kernel(successes, trials, fixed[cell_of] + X * tail(fixed, Q) + cohort[cohort_of]);
}
generated quantities {
  vector[want_rows ? N : 0] log_lik;
  array[want_rows ? N : 0] int y_rep;
  if (want_rows) {
    vector[C] cohort = school[cohort_school];
    cohort += s_cohort * whitened(s_cohort, cohort_logit - cohort_fixed * fixed - cohort, cohort_noise, z_cohort);
    vector[N] eta = fixed[cell_of] + X * tail(fixed, Q) + cohort[cohort_of];
    for (i in 1 : N) log_lik[i] = binomial_logit_lpmf(y[i] | n[i], eta[i]);
    y_rep = binomial_rng(n, inv_logit(eta));
  }
}
