"""How much card memory a training run takes, by arithmetic alone, and which settings save most of it."""
