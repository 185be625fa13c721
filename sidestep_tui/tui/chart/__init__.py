"""A line chart in braille dots, made for long runs over thin lines.

Why not plotext: its import costs as much as the whole first paint and one redraw some 20 ms, five times a second; this
chart draws 100,000 points in less than 10 ms, sends only the rows that changed, and has a cursor.
"""
