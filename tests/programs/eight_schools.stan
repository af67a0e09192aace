// Eight schools (Rubin 1981), non-centred: y_j ~ Normal(theta_j, sigma_j), theta_j = mu + tau * z_j, z_j ~ Normal(0, 1).
data {
  int<lower=0> J; // schools
  vector[J] y; // estimated effect of coaching, points
  vector<lower=0>[J] sigma; // its standard error, points
}
parameters {
  real mu; // mean effect
  real<lower=0> tau; // standard deviation of effects
  vector[J] z; // standardised effects
}
transformed parameters {
  vector[J] theta = mu + tau * z; // effects
}
model {
  mu ~ normal(0, 5);
  tau ~ cauchy(0, 5);
  z ~ std_normal();
  y ~ normal(theta, sigma);
}
generated quantities {
  matrix[2, 3] shape; // a matrix whose entries say where they are
  vector[J] log_lik;
  for (i in 1 : 2) {
    for (k in 1 : 3) {
      shape[i, k] = 10 * i + k;
    }
  }
  for (j in 1 : J) {
    log_lik[j] = normal_lpdf(y[j] | theta[j], sigma[j]);
  }
}
