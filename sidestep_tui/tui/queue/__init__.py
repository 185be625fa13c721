"""The queue of runs that wait for the machine."""
