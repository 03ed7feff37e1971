"""Models as files for other machines: ONNX, and C.

A trained model hands over its parts (`deployment.py`); the graph of its network is a list of nodes (`nodes.py`), which
the writers walk, with one converter an op.
"""
