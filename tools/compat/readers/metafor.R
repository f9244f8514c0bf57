# R metafor: the counts of pooled.json pooled again by its own logit model (REML, z), and read as counts.
arguments <- commandArgs(trailingOnly = TRUE)
if (arguments[1] == "--kinds") { cat('["pooled json"]\n'); quit(status = 0) }
answer <- tryCatch({
  suppressMessages(library(metafor))
  one <- jsonlite::fromJSON(file.path(arguments[1], "evidence", "pooled.json"))$outcomes$objective_response
  fit <- rma(measure = "PLO", xi = one$studies$events, ni = one$studies$total, method = "REML", test = "z",
             add = 0.5, to = "only0")
  back <- plogis(c(fit$b, fit$ci.lb, fit$ci.ub))
  list(events = sum(one$studies$events), patients = sum(one$studies$total), pooled = back[1], ci95 = back[2:3])
}, error = function(e) list(refused = substr(conditionMessage(e), 1, 160)))
cat("\n", jsonlite::toJSON(answer, auto_unbox = TRUE, digits = 10), "\n", sep = "")
