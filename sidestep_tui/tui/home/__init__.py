"""The first screen: all runs, the machine, and what to do next."""
