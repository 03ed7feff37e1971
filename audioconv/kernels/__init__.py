"""Numba kernels: arrays in, arrays out. No checks, no allocation, no Python objects, no GIL."""
