"""Measures a few steps of a training run before anybody commits to it."""
