"""The study of classifiers from few labels."""
