"""One thin command per verb, on the packages that do the work."""
