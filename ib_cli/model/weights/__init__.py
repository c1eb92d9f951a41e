"""Distributions over a model's weights: p(θ|data), its prior q(θ), and S, the divergence of the one from the other."""
