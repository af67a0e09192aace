// Consistency of schools with random slopes, and indicators on any of up to three effects.
//   y_ij ~ Normal(mu_ij, sigma_ij) or Student-t with that SD,
//   mu_ij = x_ij' beta + z_ij' (delta_j * v_j),  log sigma_ij = w_ij' zeta + s_ij' (delta_j * v_j),
//   v_j ~ MVN(0, diag(tau) Omega diag(tau)),
//   delta_jk ~ Bernoulli(pi) for the K selected effects, else 1.
// The indicators are summed out over their 2^K patterns.
// Source: the spike-and-slab mixed-effects location-scale model (schoolvar, DESIGN section 2).
// Coordinates: v_j is its Gaussian conditional given the school's data near the start, times a
// standard normal. The selected effects stand last, so that an excluded one can be left to the
// standard normal of its coordinate.
functions {
  #include functions/half_student_t.stanfunctions
  #include functions/consistency.stanfunctions

  // Cholesky factor of a correlation matrix from the atanh of its partial correlations, row by row.
  matrix correlation_factor(vector z, int R) {
    matrix[R, R] L = rep_matrix(0, R, R);
    int k = 1;
    L[1, 1] = 1;
    for (i in 2 : R) {
      real left = 1;
      for (j in 1 : i - 1) {
        L[i, j] = tanh(z[k]) * sqrt(left);
        left = left - square(L[i, j]);
        k = k + 1;
      }
      L[i, i] = sqrt(left);
    }
    return L;
  }

  // LKJ density of the matrix, up to a constant.
  real correlation_lkj(vector z, real shape) {
    return (shape - 1) * sum(log1m(square(tanh(z))));
  }

  // Log Jacobian from z to the matrix: partial correlations given j - 1 others, and the tanh.
  real correlation_volume(vector z, int R) {
    real s = 0;
    int k = 1;
    for (i in 2 : R) {
      for (j in 1 : i - 1) {
        s = s + (1 + (R - 1.0 - j) / 2) * log1m(square(tanh(z[k])));
        k = k + 1;
      }
    }
    return s;
  }
}
data {
  int<lower=2> J; // schools
  int<lower=J> N; // students
  int<lower=1> P; // location coefficients
  int<lower=1> Q; // scale coefficients
  int<lower=1> R; // effects of a school
  int<lower=0, upper=3> K; // selected effects: the last K
  int<lower=1> M; // patterns: 2^K, the first with all selected effects off
  array[M, K] int<lower=0, upper=1> pattern;
  array[M] int<lower=0, upper=K> active; // selected effects that are on
  vector<lower=0, upper=1>[R] on_scale; // 1: effect on the log SD, 0: on the mean
  array[J] int<lower=1, upper=N> first; // first and last student of each school
  array[J] int<lower=1, upper=N> last;
  vector[N] y; // scores
  matrix[N, P] X; // location covariates
  matrix[N, Q] W; // scale covariates
  matrix[N, R] E; // covariates of the school effects
  int<lower=0, upper=1> robust; // 1: Student-t likelihood
  // priors
  vector[P] beta_mean;
  vector<lower=0>[P] beta_scale; // score units per unit of covariate
  vector[Q] zeta_mean;
  vector<lower=0>[Q] zeta_scale; // log SD per unit of covariate
  real<lower=0> tau_df; // half-Student-t of the SDs of effects
  vector<lower=0>[R] tau_scale;
  real<lower=0> lkj; // LKJ shape of their correlations
  real<lower=0> nu_shape; // Gamma prior of the degrees of freedom
  real<lower=0> nu_rate;
  int<lower=0, upper=1> learn; // 1: the inclusion probability is learned
  real<lower=0, upper=1> pi_fixed; // inclusion probability where it is not
  real<lower=0> pi_a; // its Beta prior where it is
  real<lower=0> pi_b;
  // coordinates: centres and scales, no part of the model
  vector[P] b0;
  matrix[P, P] Lb;
  vector[Q] z0;
  matrix[Q, Q] Lz;
  vector[R] lv0;
  vector<lower=0>[R] lvs;
  real<lower=0> zrs;
  real lp0;
  real<lower=0> lps;
  array[J] matrix[R, R] H; // what the data say of v_j: curvature at b0 and z0,
  array[J] vector[R] Hv; // times position,
  array[J] matrix[R, P] Hb; // and how the position moves with beta
  array[J] matrix[R, Q] Hz; // and zeta
}
transformed data {
  int C = (R * (R - 1)) %/% 2;
  array[N] int school;
  vector[R] on_mean = 1 - on_scale;
  for (j in 1 : J) {
    for (i in first[j] : last[j]) {
      school[i] = j;
    }
  }
}
parameters {
  vector[P] zb;
  vector[Q] zz;
  vector<offset=lv0, multiplier=lvs>[R] lv; // log SDs of the effects
  vector<multiplier=zrs>[C] zr; // atanh of their partial correlations
  array[learn] real<offset=lp0, multiplier=lps> lp; // logit of the inclusion probability
  array[robust] real<offset=2.5, multiplier=0.5> ln; // log of the degrees of freedom above 2
  matrix[R, J] z;
}
transformed parameters {
  vector[P] beta = b0 + Lb * zb;
  vector[Q] zeta = z0 + Lz * zz;
  vector[R] tau = exp(lv);
  matrix[R, R] L = correlation_factor(zr, R);
  real pi = learn ? inv_logit(lp[1]) : pi_fixed;
  real nu = robust ? 2 + exp(ln[1]) : positive_infinity();
  real lprior = normal_lpdf(beta | beta_mean, beta_scale)
                + normal_lpdf(zeta | zeta_mean, zeta_scale) + correlation_lkj(
                zr, lkj) + (learn ? beta_lpdf(pi | pi_a, pi_b) : 0)
                + (robust ? gamma_lpdf(nu | nu_shape, nu_rate) : 0);
  matrix[J, R] v; // effects where they are included
  matrix[J, M] ll; // log density of each pattern of indicators
  for (k in 1 : R) {
    lprior += half_student_t_lpdf(tau[k] | tau_df, tau_scale[k]);
  }
  {
    matrix[R, R] Sigma = quad_form_diag(multiply_lower_tri_self_transpose(L), tau);
    matrix[R, R] precision = inverse_spd(Sigma);
    matrix[J, R] lc; // log of the diagonal of the coordinates' factor
    vector[P] db = beta - b0;
    vector[Q] dz = zeta - z0;
    vector[N] r = y - X * beta;
    vector[N] eta = W * zeta;
    for (j in 1 : J) {
      matrix[R, R] V = inverse_spd(precision + H[j]);
      matrix[R, R] F = cholesky_decompose(V);
      v[j] = (V * (Hv[j] - Hb[j] * db - Hz[j] * dz) + F * z[ : , j])';
      lc[j] = log(diagonal(F))';
    }
    for (m in 1 : M) {
      int I = R - K + active[m];
      array[I] int in_set = ones_int_array(I); // the effects that are on
      vector[R] keep = rep_vector(1, R);
      vector[J] a = rep_vector(0, J);
      int i = 0;
      for (k in 1 : R) {
        if (k > R - K) {
          keep[k] = pattern[m, k - R + K];
        }
        if (keep[k] > 0) {
          i = i + 1;
          in_set[i] = k;
          a += lc[ : , k];
        } else {
          a += -0.5 * square(z[k]');
        }
      }
      if (I > 0) {
        matrix[I, I] S = cholesky_decompose(Sigma[in_set, in_set]);
        matrix[I, J] x = mdivide_left_tri_low(S, v[ : , in_set]');
        a += -0.5 * columns_dot_self(x)' - sum(log(diagonal(S)));
      }
      vector[N] d = r;
      vector[N] s = eta;
      for (k in 1 : R) {
        if (keep[k] > 0) {
          vector[N] e = E[ : , k] .* v[school, k];
          d = d - on_mean[k] * e;
          s = s + on_scale[k] * e;
        }
      }
      vector[N] r2 = square(d) .* exp(-2 * s);
      vector[N] each; // log density of each student, named so that it is worked out once
      if (robust) {
        each = student_constant(nu) - 0.5 * (nu + 1) * log(1 + r2 * inv(nu - 2)) - s;
      } else {
        each = -0.5 * r2 - s;
      }
      ll[ : , m] = a + by_school(each, first, last);
      if (K > 0) {
        ll[ : , m] += active[m] * log(pi) + (K - active[m]) * log1m(pi);
      }
    }
  }
}
model {
  target += lprior + sum(lv) + correlation_volume(zr, R);
  if (learn) {
    target += log(pi) + log1m(pi);
  }
  if (robust) {
    target += ln[1];
  }
  for (j in 1 : J) {
    target += log_sum_exp(ll[j]);
  }
}
generated quantities {
  matrix[R, R] Omega = multiply_lower_tri_self_transpose(L);
  matrix[J, R] effects = v; // delta * v
  matrix[J, K] included = rep_matrix(0, J, K); // Pr(delta_jk = 1 | everything else)
  for (j in 1 : J) {
    vector[M] p = softmax(ll[j]');
    int m = categorical_rng(p);
    for (k in 1 : K) {
      included[j, k] = dot_product(p, to_vector(pattern[ : , k]));
      effects[j, R - K + k] = v[j, R - K + k] * pattern[m, k];
    }
  }
}
