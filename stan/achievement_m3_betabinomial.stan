// M3 with a beta-binomial likelihood: y_i ~ BetaBinomial(n_i, p_i / omega, (1 - p_i) / omega), rho = omega / (1 + omega) the
// correlation between two students of a row. A check of the ladder: rho near zero says that rows vary no more than by chance.
// omega = s_row^2 / 4, so that s_row is about the SD of rows in logits; 1e-5 is added, below which the gamma functions would cancel.
// Coordinates (notebook 30_coordinates): each effect is its Gaussian conditional given the empirical logits, from a standard
// normal, so that the sampler meets an almost spherical density whatever the number of schools and students.
functions {
#include whitened.stanfunctions
}
data {
  int<lower=1> N; // rows: school x year x subject
  int<lower=1> J; // schools
  int<lower=1> C; // cohorts: school x year
  int<lower=1> P; // profiles: school x subject
  int<lower=1> F; // cells: year x subject (one cell is an intercept)
  int<lower=0> Q; // covariate columns
  array[N] int<lower=0> y; // successes
  array[N] int<lower=1> n; // trials
  array[N] int<lower=1, upper=F> cell_of;
  array[N] int<lower=1, upper=C> cohort_of; // of each row
  array[N] int<lower=1, upper=P> subject_of;
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
  vector<lower=0>[J] school_subjects;
  // A cohort's, likewise.
  vector[C] cohort_logit;
  matrix[C, F + Q] cohort_fixed;
  vector<lower=0>[C] cohort_noise;
  vector<lower=0>[C] cohort_subjects;
  // A profile's, likewise, and its rows: at most R, their cohorts and weights (0 where there are fewer).
  vector[P] subject_logit;
  matrix[P, F + Q] subject_fixed;
  vector<lower=0>[P] subject_noise;
  int<lower=1> R;
  array[R, P] int<lower=1, upper=C> subject_cohort;
  array[R] vector[P] subject_weight;
  // An SD is |unit * sinh(t)|: smooth through zero, logarithmic far from it; t is centred and scaled by moment estimates.
  real<lower=0> school_unit;
  real school_at;
  real<lower=0> school_by;
  real<lower=0> cohort_unit;
  real cohort_at;
  real<lower=0> cohort_by;
  real<lower=0> subject_unit;
  real subject_at;
  real<lower=0> subject_by;
  real<lower=0> row_unit;
  real row_at;
  real<lower=0> row_by;

  // Prior scales, logits.
  real<lower=0> prior_intercept; // SD of the mean of the cells
  real<lower=0> prior_cell; // SD of a cell about that mean
  vector<lower=0>[Q] prior_slope; // SD of each slope, per unit of its covariate
  real<lower=0> prior_sd; // scale of the half-Student-t(3) of each SD
  int<lower=0, upper=1> want_rows; // 1: log_lik and y_rep of every row are kept
}
parameters {
  vector[F + Q] z_fixed;
  real<offset=school_at, multiplier=school_by> t_school;
  real<offset=cohort_at, multiplier=cohort_by> t_cohort;
  real<offset=subject_at, multiplier=subject_by> t_subject;
  real<offset=row_at, multiplier=row_by> t_row;
  vector[J] z_school;
  vector[C] z_cohort;
  vector[P] z_subject;
}
transformed parameters {
  vector[F + Q] fixed = fixed_at + fixed_by * z_fixed;
  real s_school = school_unit * sinh(t_school);
  real s_cohort = cohort_unit * sinh(t_cohort);
  real s_subject = subject_unit * sinh(t_subject);
  real<lower=0> sd_school = abs(s_school); // logits
  real<lower=0> sd_cohort = abs(s_cohort);
  real<lower=0> sd_subject = abs(s_subject);
  real s_row = row_unit * sinh(t_row);
  real omega = 0.25 * square(s_row) + 1e-5;
  real rho = omega / (1 + omega); // correlation of two students of a row
  vector[J] school; // effects, logits
  real lprior;
  real ldensity; // of the whitened school effects
  {
    vector[J] V = school_noise + square(s_cohort) * school_cohorts + square(s_subject) * school_subjects;
    vector[J] v = whitened(s_school, school_logit - school_fixed * fixed, V, z_school);
    school = s_school * v;
    ldensity = whitened_density(v, s_school, V);
    real level = mean(fixed[1 : F]);
    lprior = normal_lpdf(level | 0, prior_intercept)
             + normal_lpdf(fixed[1 : F] - level | 0, prior_cell)
             + normal_lpdf(tail(fixed, Q) | 0, prior_slope)
             + student_t_lpdf(sd_school | 3, 0, prior_sd)
             + student_t_lpdf(sd_cohort | 3, 0, prior_sd)
             + student_t_lpdf(sd_subject | 3, 0, prior_sd)
             + student_t_lpdf(abs(s_row) | 3, 0, prior_sd);
  }
}
model {
  vector[C] cohort; // school and cohort together, logits
  vector[P] subject;
  {
    vector[C] V = cohort_noise + square(s_subject) * cohort_subjects;
    vector[C] v = whitened(s_cohort, cohort_logit - cohort_fixed * fixed - school[cohort_school], V, z_cohort);
    cohort = school[cohort_school] + s_cohort * v;
    target += whitened_density(v, s_cohort, V);
  }
  {
    vector[P] m = subject_logit - subject_fixed * fixed;
    for (r in 1 : R) m -= subject_weight[r] .* cohort[subject_cohort[r]];
    vector[P] v = whitened(s_subject, m, subject_noise, z_subject);
    subject = s_subject * v;
    target += whitened_density(v, s_subject, subject_noise);
  }
  target += lprior + ldensity + log(cosh(t_school)) + log(cosh(t_cohort)) + log(cosh(t_subject)) + log(cosh(t_row));
  vector[N] p = inv_logit(fixed[cell_of] + X * tail(fixed, Q) + cohort[cohort_of] + subject[subject_of]);
  y ~ beta_binomial(n, p / omega, (1 - p) / omega);
}
generated quantities {
  vector[want_rows ? N : 0] log_lik;
  array[want_rows ? N : 0] int y_rep;
  if (want_rows) {
    vector[C] cohort = school[cohort_school];
    cohort += s_cohort * whitened(s_cohort, cohort_logit - cohort_fixed * fixed - cohort,
                                  cohort_noise + square(s_subject) * cohort_subjects, z_cohort);
    vector[P] m = subject_logit - subject_fixed * fixed;
    for (r in 1 : R) m -= subject_weight[r] .* cohort[subject_cohort[r]];
    vector[P] subject = s_subject * whitened(s_subject, m, subject_noise, z_subject);
    vector[N] eta = fixed[cell_of] + X * tail(fixed, Q) + cohort[cohort_of] + subject[subject_of];
    vector[N] p = inv_logit(eta);
    for (i in 1 : N) log_lik[i] = beta_binomial_lpmf(y[i] | n[i], p[i] / omega, (1 - p[i]) / omega);
    y_rep = beta_binomial_rng(n, p / omega, (1 - p) / omega);
  }
}
