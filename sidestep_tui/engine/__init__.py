"""The headless engine: one process, one run directory, one job. It draws nothing and outlives its viewers."""
