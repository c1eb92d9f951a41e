"""The physical limit of the frontier: optima of ρR + δD + γC with tables or Gaussians in place of networks.

Imports nothing of ours, and the Gaussian limit no torch either.
"""
