"""A CUDA card that is not there, for the host's side of what runs on one (README.md)."""
