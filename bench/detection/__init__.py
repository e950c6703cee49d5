"""The detector against others, on streams with planted changes."""
