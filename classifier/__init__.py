"""The text model that routes mail: types, training, evaluation, artifacts. Never imports `daemon`."""
