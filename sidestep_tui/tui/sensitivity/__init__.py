"""Gradient sensitivity as it is measured: a heat map of layers × modules, and the ranking beside it."""
