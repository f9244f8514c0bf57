# Reference values of the cohort analyses from R: survival, cmprsk, mice.
# Usage: Rscript tools/cohorts/make_survival_reference.R   (from the repository's root; writes tests/data/cohorts/)
suppressMessages({library(survival); library(cmprsk); library(mice)})
out <- "tests/data/cohorts"
rows <- list()
put <- function(topic, quantity, value) rows[[length(rows) + 1]] <<- data.frame(topic = topic, quantity = quantity, value = sprintf("%.15g", as.numeric(value)))
many <- function(topic, names, values) for (i in seq_along(names)) put(topic, names[i], values[i])

vet <- data.frame(time = veteran$time, event = veteran$status, trt = as.numeric(veteran$trt == 2), karno = veteran$karno, age = veteran$age,
                  diagtime = veteran$diagtime, weight = round(0.5 + (veteran$age %% 7) / 7, 3))
pb <- subset(pbc, !is.na(trt))
pb <- data.frame(time = pb$time, status = pb$status, trt = as.numeric(pb$trt == 2), age = round(pb$age, 6), bili = pb$bili, albumin = pb$albumin)
pb$month <- ceiling(pb$time / 30.4375)          # coarse time: many ties
ht <- heart[, c("start", "stop", "event", "age", "surgery", "transplant", "id")]
ht$transplant <- as.numeric(as.character(ht$transplant)); ht$stop <- ifelse(ht$stop == ht$start, ht$stop + 0.5, ht$stop)
lu <- subset(lung, !is.na(ph.ecog)); lu <- data.frame(entry = ifelse(seq_len(nrow(lu)) %% 3 == 0, pmin(lu$age, lu$time - 1), 0), time = lu$time, event = lu$status - 1, age = lu$age, sex = lu$sex, ecog = lu$ph.ecog)
for (n in c("vet", "pb", "ht", "lu")) write.csv(get(n), file.path(out, paste0(n, ".csv")), row.names = FALSE, quote = FALSE)

km <- function(topic, fit, at) {
  s <- summary(fit, times = at)
  many(topic, paste0("S_", at), s$surv); many(topic, paste0("se_", at), s$std.err)
  q <- quantile(fit, 0.5); many(topic, c("median", "median_low", "median_high"), c(q$quantile, q$lower, q$upper))
  many(topic, paste0("low_", at), s$lower); many(topic, paste0("high_", at), s$upper)
}
for (k in c("log", "log-log", "plain")) {
  km(paste0("km_vet_", k), survfit(Surv(time, event) ~ 1, vet, conf.type = k), c(50, 100, 200))
  km(paste0("km_pbc_", k), survfit(Surv(time, status == 2) ~ 1, pb, conf.type = k), c(500, 1500, 3000))
  km(paste0("km_entry_", k), survfit(Surv(entry, time, event) ~ 1, lu, conf.type = k), c(200, 365, 700))
}
rm <- survival:::survmean(survfit(Surv(time, event) ~ 1, vet), rmean = 200)[[1]]
many("rmst_vet_200", c("rmst", "se"), rm[c("rmean", "se(rmean)")])
for (r in c(0, 1)) { d <- survdiff(Surv(time, event) ~ trt, vet, rho = r); put(paste0("logrank_vet_rho", r), "chi2", d$chisq) }
d <- survdiff(Surv(month, status == 2) ~ trt, pb); put("logrank_pbc_ties", "chi2", d$chisq)

cx <- function(topic, fit) {
  v <- names(coef(fit)); many(topic, paste0("coef_", v), coef(fit)); many(topic, paste0("se_", v), sqrt(diag(vcov(fit))))
  put(topic, "loglik", tail(fit$loglik, 1)); put(topic, "concordance", fit$concordance["concordance"])
}
zp <- function(topic, fit) for (tr in c("km", "rank", "identity")) {
  z <- cox.zph(fit, transform = tr)$table; many(paste0(topic, "_zph_", tr), paste0("chi2_", rownames(z)), z[, "chisq"])
}
for (t in c("efron", "breslow")) {
  cx(paste0("cox_vet_", t), coxph(Surv(time, event) ~ trt + karno + age, vet, ties = t))
  cx(paste0("cox_pbc_", t), coxph(Surv(month, status == 2) ~ trt + age + log(bili) + albumin, pb, ties = t))
  cx(paste0("cox_entry_", t), coxph(Surv(entry, time, event) ~ sex + ecog, lu, ties = t))
  cx(paste0("cox_heart_", t), coxph(Surv(start, stop, event) ~ age + surgery + transplant, ht, ties = t))
}
zp("cox_vet_efron", coxph(Surv(time, event) ~ trt + karno + age, vet))
zp("cox_pbc_efron", coxph(Surv(month, status == 2) ~ trt + age + log(bili) + albumin, pb))
zp("cox_heart_efron", coxph(Surv(start, stop, event) ~ age + surgery + transplant, ht))
cx("cox_weighted_robust", coxph(Surv(time, event) ~ trt + karno, vet, weights = weight, robust = TRUE))
cx("cox_ties_robust", coxph(Surv(month, status == 2) ~ trt + age, pb, robust = TRUE))
cx("cox_heart_cluster", coxph(Surv(start, stop, event) ~ age + surgery + transplant, ht, cluster = id))

# Competing risks: Aalen-Johansen by survfit (1 transplant, 2 death), exact time and coarse time with ties; cmprsk beside it.
for (u in c("time", "month")) {
  fit <- survfit(Surv(pb[[u]], factor(pb$status, 0:2, c("censor", "transplant", "death"))) ~ 1)
  at <- if (u == "time") c(500, 1500, 3000) else c(16, 49, 98)
  s <- summary(fit, times = at)
  j <- match(c("transplant", "death"), fit$states)
  for (k in 1:2) { n <- c("transplant", "death")[k]
    many(paste0("aj_", u), paste0(n, "_", at), s$pstate[, j[k]]); many(paste0("aj_", u), paste0("se_", n, "_", at), s$std.err[, j[k]]) }
  ci <- cuminc(pb[[u]], pb$status); tp <- timepoints(ci, at)
  many(paste0("cuminc_", u), paste0("transplant_", at), tp$est[1, ]); many(paste0("cuminc_", u), paste0("death_", at), tp$est[2, ])
  many(paste0("cuminc_", u), paste0("var_death_", at), tp$var[2, ])
  g <- cuminc(pb[[u]], pb$status, group = pb$trt)$Tests
  put(paste0("gray_", u), "chi2_transplant", g["1", "stat"]); put(paste0("gray_", u), "chi2_death", g["2", "stat"])
}

# The synthetic cohort: survival, time-varying surgery, imputation.
co <- read.csv("src/neorlt/cohorts/data/synthetic_cohort.csv")
day <- function(x) as.numeric(as.Date(x))
co$time <- (day(co$last_date) - day(co$baseline_date)) / (365.25 / 12); co$event <- as.numeric(co$died == "yes"); co$rlt <- as.numeric(co$group == "rlt")
km("km_cohort_rlt_log-log", survfit(Surv(time, event) ~ 1, subset(co, rlt == 1), conf.type = "log-log"), c(12, 36, 60))
cx("cox_cohort_crude", coxph(Surv(time, event) ~ rlt, co))
rl <- subset(co, rlt == 1); rl$cut <- (day(rl$surgery_date) - day(rl$baseline_date)) / (365.25 / 12)
tv <- do.call(rbind, lapply(seq_len(nrow(rl)), function(i) with(rl[i, ], if (is.na(cut) || cut >= time)
  data.frame(start = 0, stop = time, event = event, operated = 0, size = size_before_mm, ki67 = ki67_before_pct) else
  data.frame(start = c(0, cut), stop = c(cut, time), event = c(0, event), operated = c(0, 1), size = size_before_mm, ki67 = ki67_before_pct))))
cx("cox_cohort_time_varying", coxph(Surv(start, stop, event) ~ operated, tv))
tv$lsize <- log2(tv$size); tv$lki <- log2(pmax(tv$ki67, 0.5))
cx("cox_cohort_time_varying_adjusted", coxph(Surv(start, stop, event) ~ operated + lsize + lki, tv))
rc <- ifelse(co$recurrence_date == "", NA, day(co$recurrence_date))
end <- pmin(ifelse(is.na(rc), Inf, rc), day(co$last_date)); co$pfs <- (end - day(co$baseline_date)) / (365.25 / 12)
co$pfs_event <- as.numeric(!is.na(rc) | co$event == 1)
km("km_cohort_pfs_log-log", survfit(Surv(pfs, pfs_event) ~ 1, subset(co, rlt == 1), conf.type = "log-log"), c(12, 36, 60))
cs <- ifelse(!is.na(rc), 1, ifelse(co$event == 1, 2, 0))
fit <- survfit(Surv(co$pfs, factor(cs, 0:2, c("censor", "progression", "death"))) ~ 1)
s <- summary(fit, times = c(12, 36, 60)); j <- match("progression", fit$states)
many("aj_cohort", paste0("progression_", c(12, 36, 60)), s$pstate[, j]); many("aj_cohort", paste0("se_progression_", c(12, 36, 60)), s$std.err[, j])

# Imputation of Ki-67 missing at random in 40 %: the missingness is written out, so that both fill the same gaps.
set.seed(20261128)
mi <- data.frame(time = co$time, event = co$event, rlt = co$rlt, lsize = log2(co$size_before_mm), lki = log2(pmax(co$ki67_before_pct, 0.5)),
                 nodes = as.numeric(co$nodes_positive == "yes"), liver = as.numeric(co$liver_metastases == "yes"), age = co$age_y)
gone <- runif(nrow(mi)) < plogis(-0.9 + 0.6 * scale(mi$lsize) + 0.5 * mi$event)
mi$lki[gone] <- NA
write.csv(mi, file.path(out, "imputation.csv"), row.names = FALSE, quote = FALSE)
mi$na <- nelsonaalen(mi, time, event)
ch <- survfit(Surv(time, event) ~ 1, mi)   # mice's nelsonaalen spreads ties (Efron); the estimate itself is survfit's
many("nelson_aalen", c("sum", "max"), c(sum(approx(c(0, ch$time), c(0, ch$cumhaz), mi$time, method = "constant")$y), max(ch$cumhaz)))
pred <- make.predictorMatrix(mi); pred[, "time"] <- 0
imp <- mice(mi, m = 200, maxit = 1, method = ifelse(colnames(mi) == "lki", "pmm", ""), predictorMatrix = pred, printFlag = FALSE, seed = 1)
fits <- with(imp, coxph(Surv(time, event) ~ rlt + lsize + lki + nodes + liver + age))
p <- summary(pool(fits)); po <- pool(fits)$pooled
many("mice_pmm", paste0("coef_", p$term), p$estimate); many("mice_pmm", paste0("se_", p$term), p$std.error); many("mice_pmm", paste0("fmi_", p$term), po$fmi)
cc <- coxph(Surv(time, event) ~ rlt + lsize + lki + nodes + liver + age, mi); many("mice_complete", paste0("coef_", names(coef(cc))), coef(cc))
put("mice_complete", "n", cc$n)
# Rubin's rules on given numbers (mice::pool.scalar): exact.
ps <- pool.scalar(c(0.4, 0.55, 0.47, 0.61, 0.52), c(0.04, 0.05, 0.045, 0.042, 0.048), n = 200, k = 3)
many("rubin", c("estimate", "total", "between", "within", "df", "fmi"), c(ps$qbar, ps$t, ps$b, ps$ubar, ps$df, ps$fmi))
ref <- do.call(rbind, rows)
write.csv(ref, file.path(out, "reference.csv"), row.names = FALSE, quote = FALSE)
cat(R.version.string, "survival", as.character(packageVersion("survival")), "cmprsk", as.character(packageVersion("cmprsk")), "mice", as.character(packageVersion("mice")), "\n")
cat(nrow(ref), "values\n")
