"""Every setting, declared once. Flags, wizard, presets, docs and error texts are derived from these models.

Named documents of them are in `presets`; what a run takes of a card's memory, by arithmetic, is in `memory`.
"""
