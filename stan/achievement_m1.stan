// M1, the school: y_i ~ Binomial(n_i, inv_logit(cell[k_i] + x_i' slope + school[j_i])), school_j ~ Normal(0, sd_school).
// Coordinates (notebook 30_coordinates): each effect is its Gaussian conditional given the empirical logits, from a standard
// normal, so that the sampler meets an almost spherical density whatever the number of schools and students.
functions {
#include whitened.stanfunctions
}
data {
  int<lower=1> N; // rows: school x year x subject
  int<lower=1> J; // schools
  int<lower=1> F; // cells: year x subject (one cell is an intercept)
  int<lower=0> Q; // covariate columns
  array[N] int<lower=0> y; // successes
  array[N] int<lower=1> n; // trials
  array[N] int<lower=1, upper=F> cell_of;
  array[N] int<lower=1, upper=J> school_of;
  matrix[N, Q] X; // covariates, centred

  // Fixed effects (cells, then slopes): centre and Cholesky factor of their approximate posterior.
  vector[F + Q] fixed_at;
  matrix[F + Q, F + Q] fixed_by;
  // A school's mean empirical logit, the fixed effects' weights in it, and its binomial variance.
  vector[J] school_logit;
  matrix[J, F + Q] school_fixed;
  vector<lower=0>[J] school_noise;
  // An SD is |unit * sinh(t)|: smooth through zero, logarithmic far from it; t is centred and scaled by moment estimates.
  real<lower=0> school_unit;
  real school_at;
  real<lower=0> school_by;

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
  vector[J] z_school;
}
transformed parameters {
  vector[F + Q] fixed = fixed_at + fixed_by * z_fixed;
  real s_school = school_unit * sinh(t_school);
  real<lower=0> sd_school = abs(s_school); // logits
  vector[J] school; // effects, logits
  real lprior;
  real ldensity; // of the whitened school effects
  {
    vector[J] v = whitened(s_school, school_logit - school_fixed * fixed, school_noise, z_school);
    school = s_school * v;
    ldensity = whitened_density(v, s_school, school_noise);
    real level = mean(fixed[1 : F]);
    lprior = normal_lpdf(level | 0, prior_intercept)
             + normal_lpdf(fixed[1 : F] - level | 0, prior_cell)
             + normal_lpdf(tail(fixed, Q) | 0, prior_slope)
             + student_t_lpdf(sd_school | 3, 0, prior_sd);
  }
}
model {
  target += lprior + ldensity + log(cosh(t_school));
  target += binomial_logit_kernel(successes, trials, fixed[cell_of] + X * tail(fixed, Q) + school[school_of]);
}
generated quantities {
  vector[want_rows ? N : 0] log_lik;
  array[want_rows ? N : 0] int y_rep;
  if (want_rows) {
    vector[N] eta = fixed[cell_of] + X * tail(fixed, Q) + school[school_of];
    for (i in 1 : N) log_lik[i] = binomial_logit_lpmf(y[i] | n[i], eta[i]);
    y_rep = binomial_rng(n, inv_logit(eta));
  }
}
