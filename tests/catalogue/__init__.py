"""The catalogue of translations, and what the source tree says it must hold."""
