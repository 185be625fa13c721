"""Captions and lyrics from servers: Gemini, OpenAI-compatible chat, Whisper-like and Scribe transcription, LRCLIB.

`catalogue` names and opens them, `run` labels a data set with one, `base` is what each implements.
"""
