"""A run directory and everything that reads or steers it. No torch, no textual."""
