"""Next-behaviour prediction."""
