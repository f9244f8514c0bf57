"""What a scheme does to the tumour, the kidneys and the blood: one model, calibrated where public data allow it."""
