"""The live view of one run, living or dead."""
