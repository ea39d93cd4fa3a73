"""The shared language of training and serving: tickets, labels, predictions, decisions and the fitted model.

Imports no web framework, no SQL, no MLflow, and neither `training` nor `serving`.
"""
