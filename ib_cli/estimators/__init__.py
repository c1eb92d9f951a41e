"""Estimates of information: tensors in, nats out. Imports nothing but torch, SciPy and this room."""
