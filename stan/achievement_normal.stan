// M0, raw shares: the foot of the achievement ladder. Unit: proportions.
//   y_i / n_i ~ Normal(cell[k_i] + x_i' slope + school[j_i], sd_row),
//   school_j ~ Normal(0, sd_school).
// It takes ten students and five hundred for equally good evidence; it is kept to show what that
// does.
// Source: the Normal model of raw shares of the reference study (schoolvar, DESIGN section 3).
// Coordinates (notebook 30_coordinates): each effect is its Gaussian conditional given the shares,
// from a standard normal.
functions {
  #include functions/whitened.stanfunctions
  #include functions/fixed_effects.stanfunctions
}
data {
  int<lower=1> N; // rows: school x year x subject
  int<lower=1> J; // schools
  int<lower=1> F; // cells: year x subject (one cell is an intercept)
  int<lower=0> Q; // covariate columns
  vector<lower=0, upper=1>[N] share; // successes / trials
  array[N] int<lower=1, upper=F> cell_of; // of each row
  array[N] int<lower=1, upper=J> school_of; // of each row
  matrix[N, Q] X; // covariates, centred

  // Coordinates, no part of the model. Fixed effects (cells, then slopes): centre and Cholesky
  // factor of their approximate posterior.
  vector[F + Q] fixed_at;
  matrix[F + Q, F + Q] fixed_by;
  // A school's mean share, the fixed effects' weights in it, and its rows.
  vector[J] school_share;
  matrix[J, F + Q] school_fixed;
  vector<lower=1>[J] school_rows;
  // The schools' SD is |unit * sinh(t)|: smooth through zero, logarithmic far from it.
  real<lower=0> school_unit; // proportions
  real school_at; // centre and scale of t, from moment estimates
  real<lower=0> school_by;
  real row_at; // centre and scale of the log SD of a row
  real<lower=0> row_by;

  // Prior scales, proportions
  real<lower=0> prior_intercept; // SD of the mean of the cells about one half
  real<lower=0> prior_cell; // SD of a cell about that mean
  vector<lower=0>[Q] prior_slope; // SD of each slope, per unit of its covariate
  real<lower=0> prior_sd; // scale of the half-Student-t(3) of each SD
  int<lower=0, upper=1> want_rows; // 1: log_lik and share_rep of every row are kept
}
parameters {
  vector[F + Q] z_fixed;
  real<offset=school_at, multiplier=school_by> t_school;
  real<offset=row_at, multiplier=row_by> log_row;
  vector[J] z_school;
}
transformed parameters {
  vector[F + Q] fixed = fixed_at + fixed_by * z_fixed; // cells and slopes, proportions
  real s_school = school_unit * sinh(t_school); // signed SD
  real<lower=0> sd_school = abs(s_school); // proportions
  real<lower=0> sd_row = exp(log_row);
  vector[J] school; // effects, proportions
  real lprior = fixed_effects_lpdf(fixed | F, 0.5, prior_intercept, prior_cell, prior_slope)
                + student_t_lpdf(sd_school | 3, 0, prior_sd)
                + student_t_lpdf(sd_row | 3, 0, prior_sd);
  real ldensity; // of the whitened school effects
  {
    vector[J] V = square(sd_row) ./ school_rows;
    vector[J] v = whitened(s_school, school_share - school_fixed * fixed, V, z_school);
    school = s_school * v;
    ldensity = whitened_density(v, s_school, V);
  }
}
model {
  target += lprior + ldensity + log(cosh(t_school)) + log_row; // d s / d t = unit * cosh(t)
  share ~ normal(fixed[cell_of] + X * tail(fixed, Q) + school[school_of], sd_row);
}
generated quantities {
  vector[want_rows ? N : 0] log_lik;
  array[want_rows ? N : 0] real share_rep; // replicated shares
  if (want_rows) {
    vector[N] mu = fixed[cell_of] + X * tail(fixed, Q) + school[school_of];
    for (i in 1 : N) {
      log_lik[i] = normal_lpdf(share[i] | mu[i], sd_row);
    }
    share_rep = normal_rng(mu, sd_row);
  }
}
