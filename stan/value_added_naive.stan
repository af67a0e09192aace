// Value added, the earlier quality taken as known. Later grade, school j, cohort c (school x year),
// cell k (year x subject):
//   y ~ Binomial(n, inv_logit(beta[k] + slope * x[j] + v[j] + c[c])),
//   v[j] ~ Normal(0, sd_value_added),  c ~ Normal(0, sd_cohort_later),
// where x[j] is the posterior mean of school j from the earlier grade. Its uncertainty is left out.
// Source: Stage 2 of the reference study without measurement error (schoolvar, DESIGN section 3).
// Coordinates as in value_added_joint.stan.
functions {
  #include functions/half_student_t.stanfunctions
  #include functions/school_sums.stanfunctions

  #include functions/whitened.stanfunctions

  #include functions/binomial.stanfunctions
}
data {
  int<lower=2> K; // schools with both grades
  int<lower=1> N_l; // rows: school x year x subject
  int<lower=1> C_l; // cohorts: school x year
  int<lower=2> F_l; // cells: year x subject
  int<lower=1> D_l; // most cohorts of a school
  array[N_l] int<lower=0> y_l; // successes
  array[N_l] int<lower=1> n_l; // students
  array[N_l] int<lower=1, upper=F_l> cell_l; // of each row
  array[N_l] int<lower=1, upper=C_l> cohort_l; // of each row
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
  vector<lower=0>[C_l] precision_l; // of that mean
  matrix[F_l, F_l] basis_l; // orthonormal; the first column is the mean level
  vector[F_l] at_l; // centres and scales in that basis
  vector<lower=0>[F_l] by_l;
  real typical; // mean earlier quality
  real slope_at; // centre and scale of the slope
  real<lower=0> slope_by;
  // An SD is |unit * sinh(t)|: value added, cohorts
  vector<lower=0>[2] sd_unit; // logits
  vector[2] sd_at; // centre and scale of t
  vector<lower=0>[2] sd_by;
}
transformed data {
  vector[N_l] successes_l = to_vector(y_l);
  vector[N_l] trials_l = to_vector(n_l);
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
  vector[2] s = sd_unit .* sinh(t); // signed SDs, logits
  real sd_value_added = abs(s[1]);
  real sd_cohort_later = abs(s[2]);
  // Cells and effects, logits
  vector[F_l] cell_later;
  vector[K] value_added;
  vector[K] later_effect;
  vector[C_l] cohort_later;
  real effects_lp; // log density of the whitened effects
  {
    vector[F_l] moved = level_l;
    moved[1] -= typical * (slope - slope_at) * sum(basis_l[ : , 1]);
    cell_later = basis_l * moved;
    vector[C_l] x_l = logit_l - weights_l * cell_later;
    vector[C_l] r_l = inv(square(s[2]) + noise_l);
    vector[K] R = school_sums(r_l, cohorts_l);
    vector[K] S = school_sums(r_l .* x_l, cohorts_l);
    vector[K] W = inv(R); // variance of a school's later mean about its effect
    vector[K] value = whitened(s[1], S .* W - slope * quality, W, z_value);
    value_added = s[1] * value;
    later_effect = slope * quality + value_added;
    vector[C_l] c_l = whitened(s[2], x_l - later_effect[school_l], noise_l, z_cohort_l);
    cohort_later = s[2] * c_l;
    effects_lp = whitened_density(value, s[1], W) + whitened_density(c_l, s[2], noise_l);
  }
  real lprior = normal_lpdf(cell_later | 0, prior_cell) + normal_lpdf(slope | 0, prior_slope)
                + half_student_t_lpdf(sd_value_added | 3, prior_sd)
                + half_student_t_lpdf(sd_cohort_later | 3, prior_sd);
}
model {
  target += lprior + sum(log(cosh(t))) + effects_lp; // d s / d t = unit * cosh(t)
  vector[C_l] group_l = later_effect[school_l] + cohort_later; // of each cohort, logits
  target += binomial_logit_kernel(successes_l, trials_l, cell_later[cell_l] + group_l[cohort_l]);
}
