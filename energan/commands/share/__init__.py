"""Commands that give a model away, and take one: pack, push, pull."""
