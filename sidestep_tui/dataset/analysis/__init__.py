"""Tempo, key and metre from sound, offline: `builtin.analyse` behind the interface of `result.Analyser`."""
