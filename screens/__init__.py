"""Screens and dialogs: one file a screen, its `.tcss` beside it.

A screen is thin: it draws a `View` (screens/view.py) with widgets and turns a key into an action of the app. It must
not know the cloud, gRPC or the engine's thread.
"""
