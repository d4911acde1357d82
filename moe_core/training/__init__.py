"""Train one run, evaluate it, time it."""
