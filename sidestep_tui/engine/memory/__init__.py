"""What decides how much memory a step takes: what is kept, recomputed, streamed or shared, and what to do when full."""
