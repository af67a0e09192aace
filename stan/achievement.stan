// The achievement ladder: M1, M2, M3 and their extensions, which differ in the levels they have.
//   y_i ~ Binomial(n_i, inv_logit(eta_i)),  eta_i = cell[k_i] + x_i' slope + the effects of row i,
//   each effect ~ Normal(0, sd of its level), a school's about its district's.
// M1 has schools; M2 adds cohorts (school x year); M3 adds profiles (school x subject). Any of
// them may have districts above the schools. M3 may have, as checks, an effect of each row or
//   y_i ~ BetaBinomial(n_i, p_i / omega, (1 - p_i) / omega),  rho = omega / (1 + omega),
// where rho is the correlation of two students of a row and omega = s_row^2 / 4, so that s_row is
// about the SD of rows in logits. A level that is absent has size zero.
// Source: the multilevel binomial models of the reference study (schoolvar, DESIGN section 3).
// Coordinates (notebook 30_coordinates): each effect is its Gaussian conditional given the
// empirical logits, from a standard normal, so that the sampler meets an almost spherical density
// whatever the number of schools and students.
functions {
  #include functions/whitened.stanfunctions
  #include functions/binomial.stanfunctions

  #include functions/fixed_effects.stanfunctions
}
data {
  int<lower=1> N; // rows: school x year x subject
  int<lower=0> D; // districts
  int<lower=1> J; // schools
  int<lower=0> C; // cohorts: school x year
  int<lower=0> P; // profiles: school x subject
  int<lower=1> F; // cells: year x subject (one cell is an intercept)
  int<lower=0> Q; // covariate columns
  int<lower=0, upper=1> row_effects; // 1: each row has an effect
  int<lower=0, upper=1> betabinomial; // 1: students of a row are correlated
  int<lower=1, upper=5> L; // SDs: those of district, school, cohort, subject, row that are present
  array[N] int<lower=0> y; // successes
  array[N] int<lower=1> n; // trials
  matrix[N, Q] X; // covariates, centred
  array[N] int<lower=1, upper=F> cell_of; // of each row
  array[C ? 0 : N] int<lower=1, upper=J> school_of; // of each row, where there are no cohorts
  array[C ? N : 0] int<lower=1, upper=C> cohort_of; // of each row
  array[P ? N : 0] int<lower=1, upper=P> subject_of; // of each row
  array[C] int<lower=1, upper=J> cohort_school; // of each cohort
  array[D ? J : 0] int<lower=1, upper=D> district_of; // of each school

  // Prior scales, logits
  real<lower=0> prior_intercept; // SD of the mean of the cells
  real<lower=0> prior_cell; // SD of a cell about that mean
  vector<lower=0>[Q] prior_slope; // SD of each slope, per unit of its covariate
  real<lower=0> prior_sd; // scale of the half-Student-t(3) of each SD

  // Coordinates, no part of the model. Fixed effects (cells, then slopes): centre and Cholesky
  // factor of their approximate posterior.
  vector[F + Q] fixed_at;
  matrix[F + Q, F + Q] fixed_by;
  // Of each district, school, cohort and profile: its mean empirical logit, the fixed effects'
  // weights in it, and its variance: binomial, and per unit of the variance of each level within.
  vector[D] district_logit;
  matrix[D, F + Q] district_fixed;
  vector<lower=0>[D] district_noise;
  matrix<lower=0>[D, L] district_within;
  vector[J] school_logit;
  matrix[J, F + Q] school_fixed;
  vector<lower=0>[J] school_noise;
  matrix<lower=0>[J, L] school_within;
  vector[C] cohort_logit;
  matrix[C, F + Q] cohort_fixed;
  vector<lower=0>[C] cohort_noise;
  matrix<lower=0>[C, L] cohort_within;
  vector[P] subject_logit;
  matrix[P, F + Q] subject_fixed;
  vector<lower=0>[P] subject_noise;
  matrix<lower=0>[P, L] subject_within;
  // A profile's rows, at most R: their cohorts, and their weights (0 where there are fewer).
  int<lower=0> R;
  array[R, P] int<lower=1, upper=C> subject_cohort;
  array[R] vector[P] subject_weight;
  // A row's empirical logit and its variance.
  vector[row_effects ? N : 0] row_logit;
  vector<lower=0>[row_effects ? N : 0] row_noise;
  // An SD is |unit * sinh(t)|: smooth through zero, logarithmic far from it.
  vector<lower=0>[L] sd_unit; // logits
  vector[L] sd_at; // centre and scale of t, from moment estimates
  vector<lower=0>[L] sd_by;

  int<lower=0, upper=1> want_rows; // 1: log_lik and y_rep of every row are kept
}
transformed data {
  vector[N] successes = to_vector(y);
  vector[N] trials = to_vector(n);
  int at_school = D ? 2 : 1; // place of its SD; that of a district stands before it
}
parameters {
  vector[F + Q] z_fixed;
  vector<offset=sd_at, multiplier=sd_by>[L] t;
  vector[D] z_district;
  vector[J] z_school;
  vector[C] z_cohort;
  vector[P] z_subject;
  vector[row_effects ? N : 0] z_row;
}
transformed parameters {
  vector[F + Q] fixed = fixed_at + fixed_by * z_fixed; // cells and slopes, logits
  vector[L] s = sd_unit .* sinh(t); // signed SDs, logits
  real s_district = D ? s[1] : 0;
  real s_school = s[at_school];
  real s_cohort = C ? s[at_school + 1] : 0;
  real s_subject = P ? s[at_school + 2] : 0;
  real s_row = row_effects || betabinomial ? s[L] : 0;
  real<lower=0> sd_district = abs(s_district); // logits; 0 where the level is absent
  real<lower=0> sd_school = abs(s_school); // within the district, where there is one
  real<lower=0> sd_cohort = abs(s_cohort);
  real<lower=0> sd_subject = abs(s_subject);
  real<lower=0> sd_row = abs(s_row);
  // 1e-5: below it the gamma functions of the beta-binomial would cancel
  real omega = betabinomial ? 0.25 * square(s_row) + 1e-5 : 0;
  real rho = omega / (1 + omega); // correlation of two students of a row
  vector[D] district; // effects, logits
  vector[J] school; // district and school together, logits
  real lprior = fixed_effects_lpdf(fixed | F, 0, prior_intercept, prior_cell, prior_slope)
                + student_t_lpdf(abs(s) | 3, 0, prior_sd);
  real ldensity = 0; // of the whitened district and school effects
  {
    vector[J] above = zeros_vector(J);
    if (D) {
      vector[D] V = district_noise + district_within * square(s);
      vector[D] v = whitened(s_district, district_logit - district_fixed * fixed, V, z_district);
      district = s_district * v;
      ldensity += whitened_density(v, s_district, V);
      above = district[district_of];
    }
    vector[J] V = school_noise + school_within * square(s);
    vector[J] v = whitened(s_school, school_logit - school_fixed * fixed - above, V, z_school);
    school = above + s_school * v;
    ldensity += whitened_density(v, s_school, V);
  }
}
model {
  vector[N] eta = fixed[cell_of] + X * tail(fixed, Q);
  vector[C] cohort = school[cohort_school]; // school and cohort together, logits
  if (C) {
    vector[C] V = cohort_noise + cohort_within * square(s);
    vector[C] v_cohort = whitened(s_cohort, cohort_logit - cohort_fixed * fixed - cohort, V,
                                  z_cohort);
    cohort += s_cohort * v_cohort;
    eta += cohort[cohort_of];
    target += whitened_density(v_cohort, s_cohort, V);
  } else {
    eta += school[school_of];
  }
  if (P) {
    vector[P] m = subject_logit - subject_fixed * fixed;
    for (r in 1 : R) {
      m -= subject_weight[r] .* cohort[subject_cohort[r]];
    }
    vector[P] V = subject_noise + subject_within * square(s);
    vector[P] v_subject = whitened(s_subject, m, V, z_subject);
    eta += (s_subject * v_subject)[subject_of];
    target += whitened_density(v_subject, s_subject, V);
  }
  if (row_effects) {
    vector[N] v_row = whitened(s_row, row_logit - eta, row_noise, z_row);
    eta += s_row * v_row;
    target += whitened_density(v_row, s_row, row_noise);
  }
  target += lprior + ldensity + sum(log(cosh(t))); // d s / d t = unit * cosh(t)
  if (betabinomial) {
    vector[N] p = inv_logit(eta);
    y ~ beta_binomial(n, p / omega, (1 - p) / omega);
  } else {
    target += binomial_logit_kernel(successes, trials, eta);
  }
}
generated quantities {
  vector[want_rows ? N : 0] log_lik;
  array[want_rows ? N : 0] int y_rep; // replicated successes
  if (want_rows) {
    vector[N] eta = fixed[cell_of] + X * tail(fixed, Q);
    vector[C] cohort = school[cohort_school];
    if (C) {
      vector[C] V = cohort_noise + cohort_within * square(s);
      cohort += s_cohort
                * whitened(s_cohort, cohort_logit - cohort_fixed * fixed - cohort, V, z_cohort);
      eta += cohort[cohort_of];
    } else {
      eta += school[school_of];
    }
    if (P) {
      vector[P] m = subject_logit - subject_fixed * fixed;
      for (r in 1 : R) {
        m -= subject_weight[r] .* cohort[subject_cohort[r]];
      }
      vector[P] V = subject_noise + subject_within * square(s);
      eta += (s_subject * whitened(s_subject, m, V, z_subject))[subject_of];
    }
    if (row_effects) {
      eta += s_row * whitened(s_row, row_logit - eta, row_noise, z_row);
    }
    vector[N] p = inv_logit(eta);
    if (betabinomial) {
      for (i in 1 : N) {
        log_lik[i] = beta_binomial_lpmf(y[i] | n[i], p[i] / omega, (1 - p[i]) / omega);
      }
      y_rep = beta_binomial_rng(n, p / omega, (1 - p) / omega);
    } else {
      for (i in 1 : N) {
        log_lik[i] = binomial_logit_lpmf(y[i] | n[i], eta[i]);
      }
      y_rep = binomial_rng(n, p);
    }
  }
}
