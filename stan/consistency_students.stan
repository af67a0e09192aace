// Consistency of schools with covariates of students: random intercepts in both submodels.
//   y_ij ~ Normal(mu_ij, sigma_ij) or Student-t with that SD,  mu_ij = x_ij' beta + u_j,
//   log sigma_ij = w_ij' zeta + delta_j t_j, (u_j, t_j) and delta_j as in consistency_schools.stan.
// Source: the spike-and-slab mixed-effects location-scale model (schoolvar, DESIGN section 2).
// Coordinates as in consistency_schools.stan; students stand in the order of their schools.
functions {
  #include functions/half_student_t.stanfunctions
  #include functions/consistency.stanfunctions
}
data {
  int<lower=2> J; // schools
  int<lower=J> N; // students
  int<lower=1> P; // location coefficients
  int<lower=1> Q; // scale coefficients
  array[J] int<lower=1, upper=N> first; // first and last student of each school
  array[J] int<lower=1, upper=N> last;
  vector[N] y; // scores
  matrix[N, P] X; // location covariates
  matrix[N, Q] W; // scale covariates
  int<lower=0, upper=1> robust; // 1: Student-t likelihood
  // priors
  vector[P] beta_mean;
  vector<lower=0>[P] beta_scale; // score units per unit of covariate
  vector[Q] zeta_mean;
  vector<lower=0>[Q] zeta_scale; // log SD per unit of covariate
  real<lower=0> tau_df; // half-Student-t of both SDs
  real<lower=0> tau_u_scale; // score units
  real<lower=0> tau_t_scale; // log SD
  real<lower=0> lkj; // LKJ shape of the correlation
  real<lower=0> nu_shape; // Gamma prior of the degrees of freedom
  real<lower=0> nu_rate;
  int<lower=0, upper=1> select; // 0: every school keeps its scale effect
  int<lower=0, upper=1> learn; // 1: the inclusion probability is learned
  real<lower=0, upper=1> pi_fixed; // inclusion probability where it is not
  real<lower=0> pi_a; // its Beta prior where it is
  real<lower=0> pi_b;
  // coordinates: centres and scales, no part of the model
  vector[P] b0;
  matrix[P, P] Lb;
  vector[Q] z0;
  matrix[Q, Q] Lz;
  real lu0;
  real<lower=0> lus;
  real lt0;
  real<lower=0> lts;
  real zr0;
  real<lower=0> zrs;
  real lp0;
  real<lower=0> lps;
  vector<lower=0>[J] prec; // what the scores say about u_j: precision,
  vector[J] yw; // mean score weighted by it,
  matrix[J, P] Xw; // mean covariates weighted by it
  vector<lower=0>[J] h; // and about t_j: curvature at zeta = z0,
  vector[J] hd; // times position,
  matrix[J, Q] Ww; // mean scale covariates
}
transformed data {
  array[N] int school;
  vector[J] n;
  vector[Q] Wsum;
  for (j in 1 : J) {
    n[j] = last[j] - first[j] + 1;
    for (i in first[j] : last[j]) {
      school[i] = j;
    }
  }
  for (k in 1 : Q) {
    Wsum[k] = sum(W[ : , k]);
  }
}
parameters {
  vector[P] zb;
  vector[Q] zz;
  real<offset=lu0, multiplier=lus> lu; // log SD of location effects
  real<offset=lt0, multiplier=lts> lt; // log SD of scale effects
  real<offset=zr0, multiplier=zrs> zr; // atanh of their correlation
  array[learn] real<offset=lp0, multiplier=lps> lp; // logit of the inclusion probability
  array[robust] real<offset=2.5, multiplier=0.5> ln; // log of the degrees of freedom above 2
  vector[J] zm;
  vector[J] z2;
}
transformed parameters {
  vector[P] beta = b0 + Lb * zb;
  vector[Q] zeta = z0 + Lz * zz;
  real tau_u = exp(lu);
  real tau_t = exp(lt);
  real rho = tanh(zr);
  real pi = learn ? inv_logit(lp[1]) : pi_fixed;
  real nu = robust ? 2 + exp(ln[1]) : positive_infinity();
  real lprior = normal_lpdf(beta | beta_mean, beta_scale)
                + normal_lpdf(zeta | zeta_mean, zeta_scale)
                + half_student_t_lpdf(tau_u | tau_df, tau_u_scale)
                + half_student_t_lpdf(tau_t | tau_df, tau_t_scale) +
                lkj2_lpdf(rho | lkj) + (learn ? beta_lpdf(pi | pi_a, pi_b) : 0)
                + (robust ? gamma_lpdf(nu | nu_shape, nu_rate) : 0);
  vector[J] u = location_effect(zm, yw - Xw * beta, prec, tau_u);
  vector[J] t; // scale effect where it is included
  vector[J] gain; // log density with the effect less that without it
  real shared; // log density without it
  {
    vector[J] m = (rho * tau_t / tau_u) * u;
    real v = square(tau_t) * (1 - square(rho));
    vector[J] Pt = inv(v) + h;
    t = (m / v + hd - h .* (Ww * (zeta - z0))) ./ Pt + z2 ./ sqrt(Pt);
    vector[N] r2 = square(y - X * beta - u[school]) .* exp(-2 * (W * zeta));
    shared = -dot_product(Wsum, zeta) - 0.5 * dot_self(z2);
    if (robust) {
      vector[N] off = log(1 + r2 * inv(nu - 2));
      vector[N] on = log(1 + r2 .* (exp(-2 * t) * inv(nu - 2))[school]);
      shared += N * student_constant(nu) - 0.5 * (nu + 1) * sum(off);
      vector[N] d = on - off; // named: an expression would be worked out anew for each school
      gain = -0.5 * (nu + 1) * by_school(d, first, last);
    } else {
      vector[J] q = 0.5 * by_school(r2, first, last);
      shared += -sum(q);
      gain = q - q .* exp(-2 * t);
    }
    gain += -n .* t - (0.5 / v) * square(t - m) - 0.5 * log(Pt) - 0.5 * log(v) + 0.5 * square(z2);
  }
}
model {
  target += lprior + lu + lt + log1m(square(rho));
  if (learn) {
    target += log(pi) + log1m(pi);
  }
  if (robust) {
    target += ln[1];
  }
  target += shared - 0.5 * dot_self(u) * inv_square(tau_u) - J * lu
            - 0.5 * sum(log(inv_square(tau_u) + prec));
  if (select) {
    target += J * log1m(pi) + sum(log1p_exp(logit(pi) + gain));
  } else {
    target += sum(gain);
  }
}
generated quantities {
  vector[J] effect; // delta_j t_j
  vector[J] included; // Pr(delta_j = 1 | everything else)
  if (select) {
    included = inv_logit(logit(pi) + gain);
    for (j in 1 : J) {
      effect[j] = t[j] * bernoulli_rng(included[j]);
    }
  } else {
    included = rep_vector(1, J);
    effect = t;
  }
}
