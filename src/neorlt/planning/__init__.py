"""The patient, the scheme, the cycle loop: prediction, comparison, search."""
