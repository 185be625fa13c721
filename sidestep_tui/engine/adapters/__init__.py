"""Adapters on the DiT: which modules get one, how it is put on, saved and loaded."""
