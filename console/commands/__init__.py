"""The commands: one module for each family, each a thin way from words typed to the same actions the console has.

They parse, call `console.session`, print, and turn errors into exit codes. They must not know Textual, nor any
Google client: what speaks to the cloud is imported inside the function that needs it.
"""
