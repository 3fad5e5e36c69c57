"""Pictures on their way into a network: decoded, resized, and scaled as the network was trained.

`scaling` is the arithmetic, `recipe` all that is done to a picture, `decoding` the part that needs Pillow, `graph`
and `tensors` the arithmetic as ONNX and on Keras's backend; only the latter imports Keras, when it is called.
"""
