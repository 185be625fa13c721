"""Songs and their texts become tensors, in three passes."""
