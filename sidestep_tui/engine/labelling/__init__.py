"""Fills in what is missing in a data set: from the sound, by servers, and by models of this machine."""
