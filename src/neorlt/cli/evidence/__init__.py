"""Commands of ``neorlt evidence``."""
