"""The colours and letters of Horngate's pictures."""

INK, FAINT, LINE, BAND = "#22272e", "#79828e", "#aeb8c4", "#f3f5f8"

_KINDS = {
    "Conv": "#2f6fb7",
    "Dense": "#7a4fb5",
    "Embedding": "#7a4fb5",
    "LSTM": "#0f8b8d",
    "GRU": "#0f8b8d",
    "RNN": "#0f8b8d",
    "Bidirectional": "#0f8b8d",
    "Attention": "#0f8b8d",
    "Pool": "#3a8f4b",
    "Normalization": "#8d99a8",
    "Dropout": "#8d99a8",
    "Activation": "#d9822b",
    "ReLU": "#d9822b",
    "Softmax": "#d9822b",
    "Add": "#c8404f",
    "Multiply": "#c8404f",
    "Concatenate": "#c8404f",
    "Input": "#22272e",
    "Functional": "#22272e",
    "Sequential": "#22272e",
}


def colour_of(class_name: str) -> str:
    """What a layer of that class is painted in: one colour for a kind of layers."""
    return next((colour for kind, colour in _KINDS.items() if kind in class_name), FAINT)
