"""What a generator does with its noise, as functions of tensors and plain callables; they know no model and no run."""
