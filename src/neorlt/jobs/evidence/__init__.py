"""Commands of the evidence as plain functions that return one JSON document each; a command loads what it needs alone."""
