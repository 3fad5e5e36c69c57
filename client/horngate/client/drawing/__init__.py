"""Pictures of models and of what their layers compute. Needs matplotlib: `pip install 'horngate[pictures]'`."""
