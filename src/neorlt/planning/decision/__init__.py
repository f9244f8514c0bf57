"""The decision: operate now, watch, or treat first; who may have what, what follows, and what would change the answer."""
