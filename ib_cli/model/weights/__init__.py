"""Distributions of a model's weights: the posterior p(θ|data), the prior q(θ), and S = KL(p(θ|data) ‖ q(θ))."""
