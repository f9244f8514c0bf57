"""Trials: exact designs, a virtual cohort drawn from stated marginals, and virtual trials through the response model."""
