"""SQL read by a reader of our own: lexer, statement splitter, and a strict grammar of every form that may be additive.

Pure, and asked by `console.migrations.lint` alone. It must know nothing of files, connections, settings and screens.
"""
