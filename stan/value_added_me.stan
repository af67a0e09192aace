// Value added, the earlier quality taken as measured with classical error: value_added_naive.stan
// and, for school j,
//   measured[j] ~ Normal(x[j], measured_sd[j]),  x[j] ~ Normal(mean_quality, sd_quality),
// one latent value a school. `measured` is a posterior mean with its posterior SD, as in brms's
// me(): an approximation, since the error of a posterior mean is of Berkson type.
// Source: Stage 2 of the reference study (schoolvar, DESIGN section 3), with one latent value a
// school, not a row.
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
  vector<lower=0>[C_l] precision_l; // of that mean
  matrix[F_l, F_l] basis_l; // orthonormal; the first column is the mean level
  vector[F_l] at_l; // centres and scales in that basis
  vector<lower=0>[F_l] by_l;
  real typical; // mean earlier quality
  real slope_at; // centre and scale of the slope
  real<lower=0> slope_by;
  real<lower=0> typical_by; // scale of the mean earlier quality
  // An SD is |unit * sinh(t)|: value added, cohorts, quality
  vector<lower=0>[3] sd_unit; // logits
  vector[3] sd_at; // centre and scale of t
  vector<lower=0>[3] sd_by;
}
transformed data {
  vector[N_l] successes_l = to_vector(y_l);
  vector[N_l] trials_l = to_vector(n_l);
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
  vector[3] s = sd_unit .* sinh(t); // signed SDs, logits
  real sd_value_added = abs(s[1]);
  real sd_cohort_later = abs(s[2]);
  real sd_quality = abs(s[3]);
  // Cells and effects, logits
  vector[F_l] cell_later;
  vector[K] earlier_quality;
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
    vector[K] seen = inv(1 + square(s[1]) * R); // of the later grade, what value added leaves
    vector[K] P = known + square(slope) * R .* seen;
    vector[K] V = inv(P); // what the other effects and chance leave of a school
    vector[K] T = known .* measured + slope * S .* seen;
    vector[K] quality = whitened(s[3], T .* V - mean_quality, V, z_quality);
    earlier_quality = mean_quality + s[3] * quality;
    vector[K] value = whitened(s[1], S .* W - slope * earlier_quality, W, z_value);
    value_added = s[1] * value;
    later_effect = slope * earlier_quality + value_added;
    vector[C_l] c_l = whitened(s[2], x_l - later_effect[school_l], noise_l, z_cohort_l);
    cohort_later = s[2] * c_l;
    effects_lp = whitened_density(quality, s[3], V) + whitened_density(value, s[1], W)
                 + whitened_density(c_l, s[2], noise_l);
  }
  real lprior = normal_lpdf(cell_later | 0, prior_cell) + normal_lpdf(slope | 0, prior_slope)
                + normal_lpdf(mean_quality | 0, prior_mean)
                + half_student_t_lpdf(sd_value_added | 3, prior_sd)
                + half_student_t_lpdf(sd_cohort_later | 3, prior_sd)
                + half_student_t_lpdf(sd_quality | 3, prior_sd);
}
model {
  measured ~ normal(earlier_quality, measured_sd);
  target += lprior + sum(log(cosh(t))) + effects_lp; // d s / d t = unit * cosh(t)
  vector[C_l] group_l = later_effect[school_l] + cohort_later; // of each cohort, logits
  target += binomial_logit_kernel(successes_l, trials_l, cell_later[cell_l] + group_l[cohort_l]);
}
