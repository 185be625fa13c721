"""A run as one self-contained page: what was set, what happened, and what came out, to see and to hear over SSH."""
