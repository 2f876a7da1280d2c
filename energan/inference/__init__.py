"""Trained games, ready for use: a Model, its modules, guided chains, ONNX files."""
