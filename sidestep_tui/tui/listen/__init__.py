"""Listening to what a run generated."""
