"""The limit of the frontier: exact optima of ρR + δD + γC with tables or Gaussians in place of networks.

Imports no other folder of ours, and the Gaussian limit does not import torch either.
"""
