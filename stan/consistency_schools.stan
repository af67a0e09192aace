// Consistency of schools from sufficient statistics: random intercepts, covariates of schools only.
//   y_ij ~ Normal(mu_j, sigma_j),  mu_j = x_j' beta + u_j,  log sigma_j = w_j' zeta + delta_j t_j,
//   (u_j, t_j) ~ MVN(0, diag(tau) Omega diag(tau)),  delta_j ~ Bernoulli(pi), delta summed out.
// Source: the spike-and-slab mixed-effects location-scale model (schoolvar, DESIGN section 2).
// Coordinates: u_j and t_j are written as their Gaussian conditionals given the school's
// statistics, times a standard normal; hyper-parameters are centred and scaled by moment
// estimates. Where delta_j = 0 the data say nothing of t_j, so any density may stand in for it
// (Carlin and Chib 1995): the standard normal of its coordinate.
functions {
  #include functions/half_student_t.stanfunctions
  #include functions/consistency.stanfunctions
}
data {
  int<lower=2> J; // schools
  int<lower=1> P; // location coefficients
  int<lower=1> Q; // scale coefficients
  vector<lower=1>[J] n; // students
  vector[J] ybar; // mean score
  vector<lower=0>[J] ss; // sum of squares within the school
  matrix[J, P] X; // location covariates
  matrix[J, Q] W; // scale covariates
  // priors
  vector[P] beta_mean;
  vector<lower=0>[P] beta_scale; // score units per unit of covariate
  vector[Q] zeta_mean;
  vector<lower=0>[Q] zeta_scale; // log SD per unit of covariate
  real<lower=0> tau_df; // half-Student-t of both SDs
  real<lower=0> tau_u_scale; // score units
  real<lower=0> tau_t_scale; // log SD
  real<lower=0> lkj; // LKJ shape of the correlation
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
  vector<lower=0>[J] prec; // what the scores say about mu_j: precision
  vector<lower=0>[J] h; // and about t_j: curvature at zeta = z0,
  vector[J] hd; // times position
}
transformed data {
  vector[J] Wz0 = W * z0;
}
parameters {
  vector[P] zb;
  vector[Q] zz;
  real<offset=lu0, multiplier=lus> lu; // log SD of location effects
  real<offset=lt0, multiplier=lts> lt; // log SD of scale effects
  real<offset=zr0, multiplier=zrs> zr; // atanh of their correlation
  array[learn] real<offset=lp0, multiplier=lps> lp; // logit of the inclusion probability
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
  real lprior = normal_lpdf(beta | beta_mean, beta_scale)
                + normal_lpdf(zeta | zeta_mean, zeta_scale)
                + half_student_t_lpdf(tau_u | tau_df, tau_u_scale)
                + half_student_t_lpdf(tau_t | tau_df, tau_t_scale) +
                lkj2_lpdf(rho | lkj) + (learn ? beta_lpdf(pi | pi_a, pi_b) : 0);
}
model {
  target += lprior + lu + lt + log1m(square(rho));
  if (learn) {
    target += log(pi) + log1m(pi);
  }
  {
    vector[J] r = ybar - X * beta;
    vector[J] u = location_effect(zm, r, prec, tau_u);
    vector[J] eta = W * zeta;
    vector[J] q = 0.5 * (ss + n .* square(r - u)) .* exp(-2 * eta);
    vector[J] m = (rho * tau_t / tau_u) * u;
    real v = square(tau_t) * (1 - square(rho));
    vector[J] Pt = inv(v) + h;
    vector[J] t = (m / v + hd - h .* (eta - Wz0)) ./ Pt + z2 ./ sqrt(Pt);
    // log likelihood with the school's effect less that without it, terms that both share left out
    vector[J] gain = q - n .* t - q .* exp(-2 * t) - (0.5 / v) * square(t - m) - 0.5 * log(Pt);
    target += -0.5 * dot_self(u) * inv_square(tau_u) - J * lu
              - 0.5 * sum(log(inv_square(tau_u) + prec)) - dot_product(
              n, eta) - sum(q);
    if (select) {
      vector[J] lost = 0.5 * square(z2);
      target += J * log1m(pi) - sum(lost) + sum(log1p_exp(logit(pi) - 0.5 * log(v) + gain + lost));
    } else {
      target += sum(gain) - 0.5 * J * log(v);
    }
  }
}
generated quantities {
  vector[J] mu; // expected score of the school
  vector[J] effect; // delta_j t_j: log ratio of its SD to what its covariates lead to expect
  vector[J] included; // Pr(delta_j = 1 | everything else)
  {
    vector[J] r = ybar - X * beta;
    vector[J] u = location_effect(zm, r, prec, tau_u);
    vector[J] eta = W * zeta;
    vector[J] q = 0.5 * (ss + n .* square(r - u)) .* exp(-2 * eta);
    vector[J] m = (rho * tau_t / tau_u) * u;
    real v = square(tau_t) * (1 - square(rho));
    vector[J] Pt = inv(v) + h;
    vector[J] t = (m / v + hd - h .* (eta - Wz0)) ./ Pt + z2 ./ sqrt(Pt);
    mu = ybar - r + u;
    if (select) {
      vector[J] gain = q - n .* t - q .* exp(-2 * t) - (0.5 / v) * square(t - m) - 0.5 * log(Pt);
      included = inv_logit(logit(pi) - 0.5 * log(v) + gain + 0.5 * square(z2));
      for (j in 1 : J) {
        effect[j] = t[j] * bernoulli_rng(included[j]);
      }
    } else {
      included = rep_vector(1, J);
      effect = t;
    }
  }
}
