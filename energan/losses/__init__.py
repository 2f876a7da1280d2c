"""One equation per function: tensors in, tensor out, no state."""
