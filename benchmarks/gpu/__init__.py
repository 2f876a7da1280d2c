"""What is measured on a GPU: whether all is right (`check`), how fast it is (`speed`).  docs/gpu.md"""
