"""Sample sizes and boundaries of trials, exact where an exact answer exists."""
