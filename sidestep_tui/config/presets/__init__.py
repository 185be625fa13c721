"""Presets, partial training settings with a name: reading, finding, keeping, comparing and importing them."""
