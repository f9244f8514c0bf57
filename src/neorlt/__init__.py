"""neorlt: neoadjuvant radioligand therapy of pancreatic neuroendocrine tumours. Research software."""

__version__ = "0.2.0"
