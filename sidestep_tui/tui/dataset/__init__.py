"""Reviewing a data set: the table of songs, one song, what was found, and what holds for all of them."""
