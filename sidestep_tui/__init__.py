"""Side-Step: teach ACE-Step 1.5 your own music, from a terminal, over SSH."""

__version__ = "0.1.0"
