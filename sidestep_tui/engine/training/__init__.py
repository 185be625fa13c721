"""The training run: what it is set up with, its loop, and what it measures, saves and generates on its way."""
