"""Commands of ``neorlt kinetics``."""
