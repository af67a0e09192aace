# The achievement models in R: Rscript benchmarks/peers.R lme4|brms COUNTS.csv M1|M2|M3 > numbers.json
# COUNTS has the columns y, n, cell, school, cohort, profile. Priors of brms are those of the Stan programs; compiling is timed apart.
given <- commandArgs(trailingOnly = TRUE)
d <- read.csv(given[2], colClasses = c(cell = "factor", school = "factor", cohort = "factor", profile = "factor"))
fixed <- if (nlevels(d$cell) > 1) "0 + cell" else "1"
levels_of <- list(M1 = "school", M2 = c("school", "cohort"), M3 = c("school", "cohort", "profile"))[[given[3]]]
effects <- paste0("(1 | ", levels_of, ")", collapse = " + ")
clock <- function() unname(proc.time()["elapsed"])
say <- function(...) cat(jsonlite::toJSON(list(..., r = R.version$version.string), auto_unbox = TRUE, digits = 6), "\n")

if (given[1] == "lme4") {
  suppressPackageStartupMessages(library(lme4))
  model <- as.formula(paste("cbind(y, n - y) ~", fixed, "+", effects))
  start <- clock()
  fast <- glmer(model, d, family = binomial, nAGQ = 0)
  between <- clock()
  f <- suppressWarnings(glmer(model, d, family = binomial))
  say(seconds = clock() - between, seconds_fast = between - start, sd = lapply(VarCorr(f), function(v) attr(v, "stddev")[[1]]), version = as.character(packageVersion("lme4")))
} else {
  suppressPackageStartupMessages(library(brms))
  if (system.file("include", package = "BH") == "") rstan::rstan_options(boost_lib = "/usr/include")   # Debian's BH is its libboost-dev
  priors <- c(set_prior("normal(0, 2.5)", class = if (fixed == "1") "Intercept" else "b"), set_prior("student_t(3, 0, 2.5)", class = "sd"))
  start <- clock()
  made <- suppressMessages(brm(as.formula(paste("y | trials(n) ~", fixed, "+", effects)), d, family = binomial, prior = priors, chains = 0, refresh = 0))
  compiled <- clock()
  f <- suppressWarnings(suppressMessages(update(made, recompile = FALSE, chains = 4, cores = 2, iter = 2000, warmup = 1000, seed = 1, refresh = 0)))
  sampled <- clock()
  draws <- posterior::as_draws_array(f, variable = "^(b_|sd_)", regex = TRUE)
  say(compile = compiled - start, seconds = sampled - compiled, ess = min(apply(draws, 3, function(x) posterior::ess_bulk(unclass(x)))), sd = as.list(colMeans(posterior::as_draws_matrix(f, variable = "^sd_", regex = TRUE))), version = as.character(packageVersion("brms")))
}
