"""Which modules of the DiT a data set moves: gradients measured, ranked, told while it works."""
