"""The presets screen: what there is, what each changes, two beside each other, in and out."""
