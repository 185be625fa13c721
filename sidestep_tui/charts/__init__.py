"""What charts in the terminal and in reports have in common: axes, smoothing, the grid of modules. It draws nothing."""
