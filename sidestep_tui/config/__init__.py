"""Every setting, declared once. Flags, wizard, presets, docs and error texts are derived from these models."""
