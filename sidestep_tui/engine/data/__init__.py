"""Encoded songs: the folder of tensors that they lie in, and the batches that training makes of them."""
