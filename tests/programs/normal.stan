// Conjugate normal: y_i ~ Normal(mu, s), mu | s ~ Normal(m0, s / sqrt(k0)), s^2 ~ InvGamma(a0, b0). Its posterior is known exactly.
data {
  int<lower=1> N;
  vector[N] y;
  real m0;
  real<lower=0> k0;
  real<lower=0> a0;
  real<lower=0> b0;
}
parameters {
  real mu;
  real<lower=0> v; // s^2
}
model {
  v ~ inv_gamma(a0, b0);
  mu ~ normal(m0, sqrt(v / k0));
  y ~ normal(mu, sqrt(v));
}
