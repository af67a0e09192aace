// M0, raw shares: y_i / n_i ~ Normal(cell[k_i] + x_i' slope + school[j_i], sd_row), school_j ~ Normal(0, sd_school).
// It takes ten students and five hundred for equally good evidence; it is kept to show what that does. Unit: proportions.
// Coordinates (notebook 30_coordinates): each effect is its Gaussian conditional given the shares, from a standard normal.
functions {
#include whitened.stanfunctions
}
data {
  int<lower=1> N; // rows: school x year x subject
  int<lower=1> J; // schools
  int<lower=1> F; // cells: year x subject (one cell is an intercept)
  int<lower=0> Q; // covariate columns
  vector<lower=0, upper=1>[N] share; // successes / trials
  array[N] int<lower=1, upper=F> cell_of;
  array[N] int<lower=1, upper=J> school_of;
  matrix[N, Q] X; // covariates, centred

  // Fixed effects (cells, then slopes): centre and Cholesky factor of their approximate posterior.
  vector[F + Q] fixed_at;
  matrix[F + Q, F + Q] fixed_by;
  // A school's mean share, the fixed effects' weights in it, and its rows.
  vector[J] school_share;
  matrix[J, F + Q] school_fixed;
  vector<lower=1>[J] school_rows;
  // An SD is |unit * sinh(t)|: smooth through zero, logarithmic far from it; t is centred and scaled by moment estimates.
  real<lower=0> school_unit;
  real school_at;
  real<lower=0> school_by;
  real row_at; // log SD of a row
  real<lower=0> row_by;

  // Prior scales, proportions.
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
  vector[F + Q] fixed = fixed_at + fixed_by * z_fixed;
  real s_school = school_unit * sinh(t_school);
  real<lower=0> sd_school = abs(s_school); // proportions
  real<lower=0> sd_row = exp(log_row);
  vector[J] school; // effects, proportions
  real lprior;
  real ldensity; // of the whitened school effects
  {
    vector[J] V = square(sd_row) ./ school_rows;
    vector[J] v = whitened(s_school, school_share - school_fixed * fixed, V, z_school);
    school = s_school * v;
    ldensity = whitened_density(v, s_school, V);
    real level = mean(fixed[1 : F]);
    lprior = normal_lpdf(level | 0.5, prior_intercept)
             + normal_lpdf(fixed[1 : F] - level | 0, prior_cell)
             + normal_lpdf(tail(fixed, Q) | 0, prior_slope)
             + student_t_lpdf(sd_school | 3, 0, prior_sd)
             + student_t_lpdf(sd_row | 3, 0, prior_sd);
  }
}
model {
  target += lprior + ldensity + log(cosh(t_school)) + log_row;
  share ~ normal(fixed[cell_of] + X * tail(fixed, Q) + school[school_of], sd_row);
}
generated quantities {
  vector[want_rows ? N : 0] log_lik;
  array[want_rows ? N : 0] real share_rep;
  if (want_rows) {
    vector[N] mu = fixed[cell_of] + X * tail(fixed, Q) + school[school_of];
    for (i in 1 : N) log_lik[i] = normal_lpdf(share[i] | mu[i], sd_row);
    share_rep = normal_rng(mu, sd_row);
  }
}
